package io.gatun.cli.doctor;

import static io.gatun.cli.doctor.CheckResult.fault;
import static io.gatun.cli.doctor.CheckResult.note;
import static io.gatun.cli.doctor.CheckResult.ok;

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
 * Checks that the daemon can unpack layers if containerd is configured to use it as a differ: it
 * then calls containerd back, and reads containerd's files.
 */
final class DifferCheck {

  private static final String SUBJECT = "unpacking";

  /** containerd's own differ, which accepts any layer. */
  private static final String WALKING = "walking";

  private static final String BLOBS = "io.containerd.content.v1.content/blobs/sha256";

  private final Configuration gatun;
  private final Path file;
  private final TomlTable containerd;
  private final List<CheckResult> diagnoses = new ArrayList<>();

  /**
   * @param containerd the content of containerd's configuration file
   */
  DifferCheck(Configuration gatun, Path file, TomlTable containerd) {
    this.gatun = gatun;
    this.file = file;
    this.containerd = containerd;
  }

  /**
   * {@return the findings, none if containerd does not use this daemon as a differ and need not}
   */
  List<CheckResult> run() {
    Optional<List<String>> differ = ContainerdCheck.plugin(containerd, gatun, "diff");
    if (differ.isEmpty()) {
      return gatun.layers() == LayerSetting.DIRECTORY ? List.of() : List.of(unused());
    }
    examineUse(differ.get().getLast());
    examineAddress();
    examineRoot();
    if (diagnoses.isEmpty()) {
      diagnoses.add(ok(SUBJECT, "containerd answers, and its blobs can be read from their files"));
    }
    return diagnoses;
  }

  private CheckResult unused() {
    return note(
        SUBJECT,
        "%s has no differ with the address %s, so all layers become directories, despite layers = \"%s\":"
                .formatted(file, gatun.address(), gatun.layers().configName())
            + " `gatun config --containerd` prints one");
  }

  private void examineUse(String differ) {
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
          note(
              SUBJECT,
              "%s: nothing uses the differ %s: `gatun config --containerd` prints the missing sections"
                  .formatted(file, differ)));
    }
    if (isOfDiffService && isAskedInVain(((TomlArray) differs).toList(), differ)) {
      diagnoses.add(
          note(
              SUBJECT,
              "%s: the diff service asks %s before %s, which is never used: put %s first"
                  .formatted(file, WALKING, differ, differ)));
    }
  }

  private static boolean isAskedInVain(List<Object> differs, String differ) {
    int walking = differs.indexOf(WALKING);
    return walking >= 0 && walking < differs.indexOf(differ);
  }

  private void examineAddress() {
    Path address = gatun.containerdAddress();
    require("containerd_address", address, containerd.get(List.of("grpc", "address")));
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(address));
    } catch (IOException e) {
      diagnoses.add(
          fault(
              SUBJECT,
              "containerd_address: no answer on %s (%s): start containerd, or correct the setting"
                  .formatted(address, e.getMessage())));
    }
  }

  private void examineRoot() {
    Path root = gatun.containerdRoot();
    require("containerd_root", root, containerd.get(List.of("root")));
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
    return note(
        SUBJECT,
        "containerd_root: %s: containerd has to send each blob, which is slower".formatted(reason));
  }

  /** Compares a setting, unless containerd's file omits it, for its default or its command line. */
  private void require(String key, Path here, @Nullable Object there) {
    if (there != null && !here.toString().equals(there)) {
      diagnoses.add(
          fault(SUBJECT, "%s is %s, and %s says \"%s\"".formatted(key, here, file, there)));
    }
  }
}
