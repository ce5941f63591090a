package io.gatun.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.FileProtection;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.slf4j.event.Level;

/**
 * The configuration as a TOML file of flat keys, units last.
 *
 * <p>An unknown key or an invalid value is refused with its name and line: a daemon that misread
 * its configuration does more harm than one that does not start.
 */
public final class ConfigurationFile {

  /** The default path of the configuration file, which need not exist. */
  public static final Path DEFAULT_PATH = Path.of("/etc/gatun/gatun.toml");

  /** User and group ids have 32 bits; the last value means "none" (chown(2)). */
  private static final long ID_MAX = 0xFFFF_FFFEL;

  /** Fewer entries would not hold the layers of a handful of images. */
  private static final int METADATA_ENTRIES_MIN = 100;

  /** Three names of maximum length have to fit. */
  private static final int MESSAGE_BYTES_MIN = 128 << 10;

  /** The message size limit of containerd's clients. */
  private static final int MESSAGE_BYTES_MAX = 16 << 20;

  /** One message of {@link #MESSAGE_BYTES_MIN}, and a few calls. */
  private static final int REQUEST_MEMORY_BYTES_MIN = 8 << 20;

  /** Mount options that Gatun controls, with what to use instead. */
  private static final Map<String, String> RESERVED_MOUNT_OPTIONS =
      Map.of(
          "lowerdir", "Gatun sets it",
          "upperdir", "Gatun sets it",
          "workdir", "Gatun sets it",
          "uidmap", "use remap_ids = true",
          "gidmap", "use remap_ids = true",
          "volatile", "use volatile = true, which spares layers",
          "fsync=volatile", "use volatile = true, which spares layers");

  private static final Pattern MOUNT_OPTION = Pattern.compile("[\\w.:+-]+(=[^,\\s\\x00]*)?");

  /** User, role, type and an optional range; fsconfig(2) takes 255 bytes. */
  private static final Pattern SELINUX_CONTEXT =
      Pattern.compile("(?=.{1,255}$)[\\w.-]+:[\\w.-]+:[\\w.-]+(:[\\w.,:-]+)?");

  private ConfigurationFile() {}

  /** {@return the configuration in a file} */
  public static Configuration read(Path file) {
    return read(Optional.of(file), Configuration.Overrides.NONE);
  }

  /**
   * {@return the configuration in a file, with overrides}
   *
   * @param file empty for the default file, or the defaults if there is none
   */
  public static Configuration read(Optional<Path> file, Configuration.Overrides overrides) {
    Path path = file.orElse(DEFAULT_PATH);
    boolean isRead = file.isPresent() || Files.exists(DEFAULT_PATH);
    try {
      return parse(path.toString(), isRead ? Files.readString(path, UTF_8) : "", overrides);
    } catch (NoSuchFileException e) {
      throw new StartException("no configuration file " + path, e);
    } catch (CharacterCodingException e) {
      throw new StartException("configuration file " + path + " is not UTF-8: convert it", e);
    } catch (IOException e) {
      throw new StartException("cannot read configuration file %s: %s".formatted(path, e), e);
    }
  }

  /**
   * {@return the configuration in a file's text, with overrides}
   *
   * @param fileName the name of the file, for messages
   */
  public static Configuration parse(
      String fileName, String text, Configuration.Overrides overrides) {
    TomlTable toml = new TomlTable(fileName, text);
    Configuration configuration = configuration(toml, overrides);
    toml.finish();
    return configuration;
  }

  /** Reads the keys in the order of the record's components, as {@link #write} requires. */
  private static Configuration configuration(TomlTable toml, Configuration.Overrides overrides) {
    return new Configuration(
        overrides.root().orElse(toml.absolutePath("root", "/var/lib/gatun")),
        overrides.address().orElse(toml.absolutePath("address", "/run/gatun/gatun.sock")),
        overrides.driver().orElse(toml.choice("driver", DriverSetting.AUTO)),
        toml.choice("transport", Transport.AUTO),
        toml.numbers("allowed_uids", 0, ID_MAX),
        toml.numbers("allowed_gids", 0, ID_MAX),
        mountOptions(toml),
        toml.flag("volatile", false),
        toml.flag("upperdir_label", false),
        toml.flag("remap_ids", false),
        toml.flag("rebase", false),
        toml.choice("layer_sync", SyncPolicy.COMMIT),
        toml.choice("layers", LayerSetting.DIRECTORY),
        selinuxContext(toml),
        toml.choice("layer_protection", FileProtection.NONE),
        toml.number(
            "metadata_entries_max",
            MetadataSettings.DEFAULT_ENTRIES_MAX,
            METADATA_ENTRIES_MIN,
            MetadataSettings.ENTRIES_MAX_MAX),
        toml.number("rpc_threads", 16, 1, 1_024),
        toml.number("rpc_queue_max", 1_024, 1, 1_000_000),
        toml.number("max_connections", 32, 1, 1_000_000),
        toml.number("message_bytes_max", 320 << 10, MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX),
        toml.number(
            "request_memory_bytes_max", 32 << 20, REQUEST_MEMORY_BYTES_MIN, Integer.MAX_VALUE),
        toml.number("drain_timeout_seconds", 30, 0, 3_600),
        toml.number("copy_threads", 0, 0, 1_024),
        toml.absolutePath("containerd_address", "/run/containerd/containerd.sock"),
        toml.absolutePath("containerd_root", "/var/lib/containerd"),
        toml.number("apply_threads", 4, 1, 256),
        toml.number("apply_queue_max", 256, 1, 1_000_000),
        toml.flag("warm_up", true),
        toml.choice("log_level", Level.INFO));
  }

  /** {@return a file that {@link #read} reads as this configuration} */
  public static String write(Configuration configuration) {
    TomlTable empty = new TomlTable("", "");
    var _ = configuration(empty, Configuration.Overrides.NONE);
    Iterator<String> keys = empty.keys().iterator();
    StringBuilder toml = new StringBuilder();
    for (RecordComponent component : Configuration.class.getRecordComponents()) {
      try {
        String value = written(component.getAccessor().invoke(configuration));
        toml.append(keys.next()).append(" = ").append(value).append('\n');
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("the record and its accessors are public", e);
      }
    }
    return toml.toString();
  }

  private static String written(Object value) {
    return switch (value) {
      case String text -> quoted(text);
      case Path path -> quoted(path.toString());
      case Enum<?> choice -> quoted(TomlTable.name(choice));
      case Set<?> numbers -> numbers.stream().sorted().toList().toString();
      case List<?> texts -> texts.stream().map(ConfigurationFile::written).toList().toString();
      default -> value.toString();
    };
  }

  private static List<String> mountOptions(TomlTable toml) {
    List<String> options = toml.texts("mount_options");
    for (String option : options) {
      if (!MOUNT_OPTION.matcher(option).matches()) {
        throw toml.refusal(
            "mount_options", "contains \"%s\", which is not a mount option".formatted(option));
      }
      String name =
          option.substring(0, option.contains("=") ? option.indexOf('=') : option.length());
      String instead =
          RESERVED_MOUNT_OPTIONS.getOrDefault(option, RESERVED_MOUNT_OPTIONS.get(name));
      if (instead != null) {
        throw toml.refusal("mount_options", "must not contain %s: %s".formatted(name, instead));
      }
    }
    return options;
  }

  private static String selinuxContext(TomlTable toml) {
    String context = toml.text("selinux_context", "");
    if (!context.isEmpty() && !SELINUX_CONTEXT.matcher(context).matches()) {
      throw toml.refusal(
          "selinux_context",
          "must be empty or a context such as \"system_u:object_r:container_ro_file_t:s0\"");
    }
    return context;
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    text.codePoints()
        .forEach(
            character -> {
              if (character == '"' || character == '\\') {
                quoted.append('\\').appendCodePoint(character);
              } else if (character < ' ' || character == 0x7F) {
                quoted.append("\\u%04X".formatted(character));
              } else {
                quoted.appendCodePoint(character);
              }
            });
    return quoted.append('"').toString();
  }
}
