package io.gatun.cli.doctor;

import static io.gatun.cli.doctor.CheckResult.fault;
import static io.gatun.cli.doctor.CheckResult.note;
import static io.gatun.cli.doctor.CheckResult.ok;

import io.gatun.server.config.Configuration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;

/**
 * Checks that containerd's configuration matches the daemon's, since neither side learns the
 * other's.
 */
public final class ContainerdCheck {

  private static final String SUBJECT = "containerd";
  private static final String PROXY_PLUGINS = "proxy_plugins";

  private final Configuration gatun;
  private final Path file;

  public ContainerdCheck(Configuration gatun, Path file) {
    this.gatun = gatun;
    this.file = file;
  }

  public List<CheckResult> run() {
    if (!Files.exists(file)) {
      return List.of(
          note(SUBJECT, "there is no %s: `gatun config --containerd` prints one".formatted(file)));
    }
    TomlParseResult toml;
    try {
      toml = Toml.parse(file);
    } catch (IOException e) {
      return List.of(note(SUBJECT, "cannot read %s: %s".formatted(file, e)));
    }
    if (toml.hasErrors()) {
      return List.of(
          fault(SUBJECT, "%s is not TOML: %s".formatted(file, toml.errors().getFirst())));
    }
    List<CheckResult> all = new ArrayList<>(examine(toml));
    all.addAll(new DifferCheck(gatun, file, toml).run());
    return all;
  }

  private List<CheckResult> examine(TomlTable containerd) {
    Optional<TomlTable> plugin = plugin(containerd, gatun, "snapshot").map(containerd::getTable);
    if (plugin.isEmpty()) {
      return List.of(
          note(
              SUBJECT,
              "%s has no plugin with the address %s: `gatun config --containerd` prints it"
                  .formatted(file, gatun.address())));
    }
    List<CheckResult> diagnoses = new ArrayList<>();
    examineRoot(plugin.get(), diagnoses);
    examineCapabilities(plugin.get(), diagnoses);
    if (diagnoses.isEmpty()) {
      diagnoses.add(ok(SUBJECT, file + " knows this daemon"));
    }
    return diagnoses;
  }

  /** {@return the path of the plugin with the daemon's address and this type; its name is last} */
  static Optional<List<String>> plugin(TomlTable containerd, Configuration gatun, String type) {
    TomlTable plugins = containerd.getTable(PROXY_PLUGINS);
    return plugins == null
        ? Optional.empty()
        : plugins.keySet().stream()
            .map(name -> List.of(PROXY_PLUGINS, name))
            .filter(
                path ->
                    containerd.get(path) instanceof TomlTable plugin
                        && gatun.address().toString().equals(plugin.get(List.of("address")))
                        && type.equals(plugin.get(List.of("type"))))
            .findFirst();
  }

  private void examineRoot(TomlTable plugin, List<CheckResult> diagnoses) {
    Object exported = plugin.get(List.of("exports", "root"));
    if (!gatun.root().toString().equals(exported)) {
      diagnoses.add(
          note(
              SUBJECT,
              "%s: exports.root is %s and should be \"%s\": the kubelet watches the free space of the wrong filesystem"
                  .formatted(
                      file,
                      exported == null ? "not set" : '"' + exported.toString() + '"',
                      gatun.root())));
    }
  }

  private void examineCapabilities(TomlTable plugin, List<CheckResult> diagnoses) {
    Set<Object> told = new HashSet<>();
    if (plugin.get(List.of("capabilities")) instanceof TomlArray array) {
      told.addAll(array.toList());
    }
    List<String> wanted = ContainerdConfiguration.capabilities(gatun);
    if (!told.equals(new HashSet<Object>(wanted))) {
      diagnoses.add(
          fault(
              SUBJECT,
              "%s: capabilities are %s and must be %s, to match rebase and remap_ids"
                  .formatted(file, told, wanted)));
    }
  }
}
