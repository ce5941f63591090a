package io.gatun.cli;

import io.gatun.server.config.Configuration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;

/**
 * Looks whether containerd's configuration goes with the daemon's: nothing else tells either side
 * what the other was told.
 */
final class ContainerdExamination {

  private static final String SUBJECT = "containerd";
  private static final String PROXY_PLUGINS = "proxy_plugins";

  private final Configuration gatun;
  private final Path file;

  ContainerdExamination(Configuration gatun, Path file) {
    this.gatun = gatun;
    this.file = file;
  }

  List<Diagnosis> run() {
    if (!Files.exists(file)) {
      return List.of(
          Diagnosis.note(
              SUBJECT, "there is no %s: `gatun config --containerd` prints one".formatted(file)));
    }
    TomlParseResult toml;
    try {
      toml = Toml.parse(file);
    } catch (IOException e) {
      return List.of(Diagnosis.note(SUBJECT, "cannot read %s: %s".formatted(file, e)));
    }
    if (toml.hasErrors()) {
      return List.of(
          Diagnosis.fault(SUBJECT, "%s is no TOML: %s".formatted(file, toml.errors().getFirst())));
    }
    List<Diagnosis> all = new ArrayList<>(examine(plugin(toml)));
    all.addAll(new DifferExamination(gatun, file, toml).run());
    return all;
  }

  private List<Diagnosis> examine(@Nullable TomlTable plugin) {
    if (plugin == null) {
      return List.of(
          Diagnosis.note(
              SUBJECT,
              "%s has no plugin with the address %s: `gatun config --containerd` prints it"
                  .formatted(file, gatun.address())));
    }
    List<Diagnosis> diagnoses = new ArrayList<>();
    examineRoot(plugin, diagnoses);
    examineCapabilities(plugin, diagnoses);
    if (diagnoses.isEmpty()) {
      diagnoses.add(Diagnosis.ok(SUBJECT, file + " knows this daemon"));
    }
    return diagnoses;
  }

  private @Nullable TomlTable plugin(TomlParseResult toml) {
    TomlTable plugins = toml.getTable(PROXY_PLUGINS);
    if (plugins == null) {
      return null;
    }
    for (String name : plugins.keySet()) {
      TomlTable plugin = plugins.getTable(List.of(name));
      if (plugin != null
          && gatun.address().toString().equals(plugin.get(List.of("address")))
          && "snapshot".equals(plugin.get(List.of("type")))) {
        return plugin;
      }
    }
    return null;
  }

  private void examineRoot(TomlTable plugin, List<Diagnosis> diagnoses) {
    Object exported = plugin.get(List.of("exports", "root"));
    if (!gatun.root().toString().equals(exported)) {
      diagnoses.add(
          Diagnosis.note(
              SUBJECT,
              "%s: exports.root is %s and should be \"%s\": the kubelet watches the wrong filesystem for space"
                  .formatted(
                      file,
                      exported == null ? "not set" : '"' + exported.toString() + '"',
                      gatun.root())));
    }
  }

  private void examineCapabilities(TomlTable plugin, List<Diagnosis> diagnoses) {
    Set<Object> told = new HashSet<>();
    if (plugin.get(List.of("capabilities")) instanceof TomlArray array) {
      told.addAll(array.toList());
    }
    List<String> wanted = ContainerdConfiguration.capabilities(gatun);
    if (!told.equals(new HashSet<Object>(wanted))) {
      diagnoses.add(
          Diagnosis.fault(
              SUBJECT,
              "%s: capabilities are %s and must be %s, as rebase and remap_ids say here"
                  .formatted(file, told, wanted)));
    }
  }
}
