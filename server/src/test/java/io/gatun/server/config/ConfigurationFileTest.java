package io.gatun.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.root.FileProtection;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.event.Level;

/** Valid and invalid configuration files. */
final class ConfigurationFileTest {

  /** Every key, with a value other than the default. */
  private static final String EVERYTHING =
      """
      root = "/srv/gatun"
      address = "/srv/gatun.sock"
      driver = "native"
      transport = "epoll"
      allowed_uids = [1000, 4294967294]
      allowed_gids = [2000]
      mount_options = ["xino=on", "metacopy=off"]
      volatile = true
      upperdir_label = true
      remap_ids = true
      rebase = true
      layer_sync = "none"
      layers = "auto"
      selinux_context = "system_u:object_r:container_ro_file_t:s0:c1,c2"
      layer_protection = "immutable"
      metadata_entries_max = 5000
      rpc_threads = 3
      rpc_queue_max = 7
      max_connections = 9
      message_bytes_max = 200000
      request_memory_bytes_max = 10000000
      drain_timeout_seconds = 11
      copy_threads = 13
      containerd_address = "/srv/containerd.sock"
      containerd_root = "/srv/containerd"
      apply_threads = 15
      apply_queue_max = 17
      warm_up = false
      log_level = "debug"
      """;

  private static final Configuration ALL_DIFFERENT =
      new Configuration(
          Path.of("/srv/gatun"),
          Path.of("/srv/gatun.sock"),
          DriverSetting.NATIVE,
          Transport.EPOLL,
          Set.of(1000L, 4_294_967_294L),
          Set.of(2000L),
          List.of("xino=on", "metacopy=off"),
          true,
          true,
          true,
          true,
          SyncPolicy.NONE,
          LayerSetting.AUTO,
          "system_u:object_r:container_ro_file_t:s0:c1,c2",
          FileProtection.IMMUTABLE,
          5000,
          3,
          7,
          9,
          200_000,
          10_000_000,
          11,
          13,
          Path.of("/srv/containerd.sock"),
          Path.of("/srv/containerd"),
          15,
          17,
          false,
          Level.DEBUG);

  private static final Configuration DEFAULTS = parse("");

  @TempDir Path directory;

  @Test
  void everyKeyIsRead() throws Exception {
    assertThat(parse(EVERYTHING)).isEqualTo(ALL_DIFFERENT);
    for (RecordComponent component : Configuration.class.getRecordComponents()) {
      assertThat(component.getAccessor().invoke(ALL_DIFFERENT))
          .as(component.getName())
          .isNotEqualTo(component.getAccessor().invoke(DEFAULTS));
    }
  }

  @Test
  void everyKeyIsWritten() {
    assertThat(parse(ConfigurationFile.write(ALL_DIFFERENT))).isEqualTo(ALL_DIFFERENT);
    assertThat(keys(ConfigurationFile.write(ALL_DIFFERENT))).isEqualTo(keys(EVERYTHING));
    assertThat(keys(EVERYTHING)).hasSize(Configuration.class.getRecordComponents().length);
  }

  @Test
  void everyKeyCanBeLeftOut() {
    assertThat(DEFAULTS.root()).isEqualTo(Path.of("/var/lib/gatun"));
    for (String line : EVERYTHING.lines().toList()) {
      assertThat(parse(line)).as(line).isNotEqualTo(DEFAULTS);
    }
  }

  @Test
  void commandLineTakesThePlaceOfThreeKeys() {
    Configuration changed =
        ConfigurationFile.parse(
            "gatun.toml",
            EVERYTHING,
            new Configuration.Overrides(
                Optional.of(Path.of("/r")),
                Optional.of(Path.of("/a")),
                Optional.of(DriverSetting.OVERLAY)));

    String expected =
        ConfigurationFile.write(ALL_DIFFERENT)
            .replace("\"/srv/gatun\"", "\"/r\"")
            .replace("\"/srv/gatun.sock\"", "\"/a\"")
            .replace("\"native\"", "\"overlay\"");
    assertThat(ConfigurationFile.write(changed)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "root = 'x/y'                      | root must be an absolute path",
        "root = ''                         | root must be an absolute path",
        "root = \"/a\\u0000b\"             | root must be an absolute path",
        "root = 7                          | root must be a string",
        "selinux_context = 7               | selinux_context must be a string",
        "selinux_context = 'unlabeled_t'   | selinux_context must be empty or a context such as",
        "selinux_context = 'a:b:c d'       | selinux_context must be empty or a context such as",
        "address = []                      | address must be a string",
        "driver = 'zfs'                    | driver must be one of \"auto\", \"overlay\", \"native\"",
        "driver = 'Overlay'                | driver must be one of",
        "driver = true                     | driver must be one of",
        "transport = 'tcp'                 | transport must be one of \"auto\", \"io_uring\", \"epoll\", \"nio\"",
        "allowed_uids = 1000               | allowed_uids must be a list, such as []",
        "allowed_uids = ['root']           | allowed_uids must be a list of numbers from 0 to 4294967294",
        "allowed_uids = [-1]               | allowed_uids must be a list of numbers",
        "allowed_gids = [4294967295]       | allowed_gids must be a list of numbers",
        "mount_options = ['a,b']           | mount_options contains \"a,b\", which is not a mount option",
        "mount_options = ['']              | mount_options contains \"\", which is not a mount option",
        "mount_options = ['a b=c']         | mount_options contains \"a b=c\", which is not a mount option",
        "mount_options = [1]               | mount_options must be a list of strings",
        "mount_options = ['lowerdir=/etc'] | mount_options must not contain lowerdir: Gatun sets it",
        "mount_options = ['workdir=/etc']  | mount_options must not contain workdir",
        "mount_options = ['upperdir=/etc'] | mount_options must not contain upperdir",
        "mount_options = ['volatile']      | mount_options must not contain volatile: use volatile = true",
        "mount_options = ['uidmap=0:1:1']  | mount_options must not contain uidmap: use remap_ids = true",
        "volatile = 'yes'                  | volatile must be true or false",
        "rebase = 1                        | rebase must be true or false",
        "layer_sync = 'always'             | layer_sync must be one of \"commit\", \"background\", \"none\"",
        "layers = 'tar'                    | layers must be one of \"auto\", \"indexed\", \"directory\"",
        "layer_protection = 'chattr'       | layer_protection must be one of \"none\", \"immutable\", \"verity\"",
        "metadata_entries_max = 99         | metadata_entries_max must be a number from 100 to 10000000",
        "metadata_entries_max = 10000001   | metadata_entries_max must be a number",
        "rpc_threads = 0                   | rpc_threads must be a number from 1 to 1024",
        "rpc_threads = 1.5                 | rpc_threads must be a number",
        "rpc_queue_max = 0                 | rpc_queue_max must be a number from 1",
        "max_connections = 0               | max_connections must be a number from 1",
        "message_bytes_max = 1000          | message_bytes_max must be a number from 131072",
        "request_memory_bytes_max = 1000   | request_memory_bytes_max must be a number from 8388608",
        "drain_timeout_seconds = -1        | drain_timeout_seconds must be a number from 0 to 3600",
        "copy_threads = 1025               | copy_threads must be a number from 0 to 1024",
        "log_level = 'loud'                | log_level must be one of \"error\"",
        "snapshotter = 'overlayfs'         | snapshotter is unknown; the keys are root, address,",
        "ROOT = '/x'                       | ROOT is unknown",
        "[server]                          | server is unknown",
        "root.path = '/x'                  | root must be a string",
      })
  void badValueIsRefusedWithItsKeyAndLine(String line, String reason) {
    assertRefused("# a comment\n" + line + "\n", "gatun.toml:2: " + reason.strip());
  }

  @ParameterizedTest
  @ValueSource(strings = {"root = ", "root", "root = \"/x", "= 1", "root = '/a'\nroot = '/b'"})
  void whatIsNoTomlIsRefusedWithItsLine(String text) {
    assertRefused(text, "gatun.toml:");
  }

  @Test
  void fileIsReadFromItsPath() throws Exception {
    Path file = Files.writeString(directory.resolve("gatun.toml"), EVERYTHING);

    assertThat(ConfigurationFile.read(file)).isEqualTo(ALL_DIFFERENT);
  }

  @Test
  void fileThatCannotBeReadIsRefusedWithItsPath() throws Exception {
    Path missing = directory.resolve("missing.toml");
    assertThatThrownBy(() -> ConfigurationFile.read(missing))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("no configuration file " + missing);
    assertThatThrownBy(() -> ConfigurationFile.read(directory))
        .isInstanceOf(StartException.class)
        .hasMessageContainingAll(directory.toString(), "directory");
    Path latin =
        Files.write(directory.resolve("latin.toml"), new byte[] {'#', ' ', (byte) 0xE4, '\n'});
    assertThatThrownBy(() -> ConfigurationFile.read(latin))
        .isInstanceOf(StartException.class)
        .hasMessageContainingAll(latin.toString(), "UTF-8");
  }

  private static Configuration parse(String text) {
    return ConfigurationFile.parse("gatun.toml", text, Configuration.Overrides.NONE);
  }

  private static void assertRefused(String text, String beginning) {
    assertThatThrownBy(() -> parse(text))
        .isInstanceOf(StartException.class)
        .hasMessageContaining(beginning)
        .message()
        .doesNotContain("\n");
  }

  private static List<String> keys(String text) {
    return text.lines().map(line -> line.substring(0, line.indexOf(" = "))).toList();
  }
}
