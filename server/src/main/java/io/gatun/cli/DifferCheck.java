package io.gatun.cli;

import io.gatun.server.config.Configuration;
import io.gatun.snapshot.engine.LayerSetting;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;
import org.tomlj.TomlTable;

/**
 * Looks whether layers can be unpacked by the daemon where containerd is told to have it do that:
 * for this the daemon asks containerd back, and reads its files.
 */
final class DifferCheck {

  private static final String SUBJECT = "unpacking";

  /** containerd's own differ, which takes any layer that it is asked for. */
  private static final String WALKING = "walking";

  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";

  private final Configuration gatun;
  private final Path file;
  private final TomlTable containerd;

  /**
   * @param containerd what containerd's configuration file says
   */
  DifferCheck(Configuration gatun, Path file, TomlTable containerd) {
    this.gatun = gatun;
    this.file = file;
    this.containerd = containerd;
  }

  /**
   * {@return what was found, which is nothing if containerd has no differ at this daemon, and need
   * not have one}
   */
  List<CheckResult> run() {
    Optional<String> differ = differ();
    if (differ.isEmpty()) {
      return gatun.layers() == LayerSetting.DIRECTORY ? List.of() : List.of(unused());
    }
    List<CheckResult> diagnoses = new ArrayList<>();
    examineUse(differ.get(), diagnoses);
    examineAddress(diagnoses);
    examineRoot(diagnoses);
    if (diagnoses.isEmpty()) {
      diagnoses.add(
          CheckResult.ok(
              SUBJECT, "containerd answers, and its blobs can be read from their files"));
    }
    return diagnoses;
  }

  private Optional<String> differ() {
    TomlTable plugins = containerd.getTable(List.of("proxy_plugins"));
    if (plugins == null) {
      return Optional.empty();
    }
    return plugins.keySet().stream()
        .filter(name -> isDiffer(plugins.getTable(List.of(name))))
        .findFirst();
  }

  private CheckResult unused() {
    return CheckResult.note(
        SUBJECT,
        "%s has no differ with the address %s, so all layers become directories, whatever layers = \"%s\" says:"
                .formatted(file, gatun.address(), gatun.layers().configName())
            + " `gatun config --containerd` prints one");
  }

  private boolean isDiffer(@Nullable TomlTable plugin) {
    return plugin != null
        && gatun.address().toString().equals(plugin.get(List.of("address")))
        && "diff".equals(plugin.get(List.of("type")));
  }

  private void examineUse(String differ, List<CheckResult> diagnoses) {
    Object differs =
        containerd.get(List.of("plugins", "io.containerd.service.v1.diff-service", "default"));
    Object transfers =
        containerd.get(List.of("plugins", "io.containerd.transfer.v1.local", "unpack_config"));
    boolean isOfDiffService = differs instanceof TomlArray array && array.toList().contains(differ);
    boolean isOfTransfers =
        transfers instanceof TomlArray array
            && array.toList().stream()
                .anyMatch(
                    entry ->
                        entry instanceof TomlTable table
                            && differ.equals(table.get(List.of("differ"))));
    if (!isOfDiffService && !isOfTransfers) {
      diagnoses.add(
          CheckResult.note(
              SUBJECT,
              "%s: nothing uses the differ %s: `gatun config --containerd` prints what does"
                  .formatted(file, differ)));
    }
    if (isOfDiffService && isAskedInVain(((TomlArray) differs).toList(), differ)) {
      diagnoses.add(
          CheckResult.note(
              SUBJECT,
              "%s: the diff service asks %s before %s, which leaves nothing to that: put %s first"
                  .formatted(file, WALKING, differ, differ)));
    }
  }

  private static boolean isAskedInVain(List<Object> differs, String differ) {
    int walking = differs.indexOf(WALKING);
    return walking >= 0 && walking < differs.indexOf(differ);
  }

  private void examineAddress(List<CheckResult> diagnoses) {
    Path address = gatun.containerdAddress();
    require("containerd_address", address, containerd.get(List.of("grpc", "address")), diagnoses);
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(address));
    } catch (IOException e) {
      diagnoses.add(
          CheckResult.fault(
              SUBJECT,
              "containerd_address: nobody answers on %s (%s): start containerd, or set it right"
                  .formatted(address, e.getMessage())));
    }
  }

  private void examineRoot(List<CheckResult> diagnoses) {
    Path root = gatun.containerdRoot();
    require("containerd_root", root, containerd.get(List.of("root")), diagnoses);
    try (DirectoryStream<Path> blobs = Files.newDirectoryStream(root.resolve(BLOBS))) {
      for (Path blob : blobs) {
        if (!Files.isReadable(blob)) {
          diagnoses.add(slow("cannot read " + blob));
        }
        return;
      }
    } catch (IOException e) {
      diagnoses.add(slow("cannot read %s".formatted(e.getMessage())));
    }
  }

  private static CheckResult slow(String reason) {
    return CheckResult.note(
        SUBJECT,
        "containerd_root: %s: containerd has to send each blob, which is slower".formatted(reason));
  }

  /** What containerd's file does not say is as usual there, or was said on its command line. */
  private void require(String key, Path here, @Nullable Object there, List<CheckResult> diagnoses) {
    if (there != null && !here.toString().equals(there)) {
      diagnoses.add(
          CheckResult.fault(
              SUBJECT, "%s is %s, and %s says \"%s\"".formatted(key, here, file, there)));
    }
  }
}
