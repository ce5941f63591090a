package io.gatun.server.config;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gatun.snapshot.driver.DriverSetting;
import io.gatun.snapshot.durability.SyncPolicy;
import io.gatun.snapshot.engine.LayerSetting;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.root.FileProtection;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

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
    try {
      return parse(file.toString(), Files.readString(file, UTF_8));
    } catch (NoSuchFileException e) {
      throw new StartException("no configuration file " + file, e);
    } catch (CharacterCodingException e) {
      throw new StartException("configuration file " + file + " is not UTF-8: convert it", e);
    } catch (IOException e) {
      throw new StartException("cannot read configuration file %s: %s".formatted(file, e), e);
    }
  }

  /** {@return the configuration in the default file, or the defaults if there is none} */
  public static Configuration readDefault() {
    return Files.exists(DEFAULT_PATH) ? read(DEFAULT_PATH) : Configuration.DEFAULTS;
  }

  static Configuration parse(String fileName, String text) {
    TomlTable toml = new TomlTable(fileName, text);
    Configuration otherwise = Configuration.DEFAULTS;
    Configuration configuration =
        new Configuration(
            toml.absolutePath("root", otherwise.root()),
            toml.absolutePath("address", otherwise.address()),
            toml.choice(
                "driver",
                names(DriverSetting.values(), DriverSetting::configName),
                otherwise.driver()),
            toml.choice(
                "transport",
                names(Transport.values(), Transport::configName),
                otherwise.transport()),
            toml.numbers("allowed_uids", otherwise.allowedUids(), 0, ID_MAX),
            toml.numbers("allowed_gids", otherwise.allowedGids(), 0, ID_MAX),
            mountOptions(toml, otherwise.mountOptions()),
            toml.flag("volatile", otherwise.volatileContainers()),
            toml.flag("upperdir_label", otherwise.upperdirLabel()),
            toml.flag("remap_ids", otherwise.remapIds()),
            toml.flag("rebase", otherwise.rebase()),
            toml.choice(
                "layer_sync",
                names(SyncPolicy.values(), SyncPolicy::configName),
                otherwise.syncPolicy()),
            toml.choice(
                "layers",
                names(LayerSetting.values(), LayerSetting::configName),
                otherwise.layers()),
            selinuxContext(toml, otherwise.selinuxContext()),
            toml.choice(
                "layer_protection",
                names(FileProtection.values(), FileProtection::configName),
                otherwise.layerProtection()),
            toml.number(
                "metadata_entries_max",
                otherwise.metadataEntriesMax(),
                METADATA_ENTRIES_MIN,
                MetadataSettings.ENTRIES_MAX_MAX),
            toml.number("rpc_threads", otherwise.rpcThreads(), 1, 1_024),
            toml.number("rpc_queue_max", otherwise.rpcQueueMax(), 1, 1_000_000),
            toml.number("max_connections", otherwise.connectionsMax(), 1, 1_000_000),
            toml.number(
                "message_bytes_max",
                otherwise.messageBytesMax(),
                MESSAGE_BYTES_MIN,
                MESSAGE_BYTES_MAX),
            toml.number(
                "request_memory_bytes_max",
                otherwise.requestMemoryBytesMax(),
                REQUEST_MEMORY_BYTES_MIN,
                Integer.MAX_VALUE),
            toml.number("drain_timeout_seconds", otherwise.drainTimeoutSeconds(), 0, 3_600),
            toml.number("copy_threads", otherwise.copyThreads(), 0, 1_024),
            toml.absolutePath("containerd_address", otherwise.containerdAddress()),
            toml.absolutePath("containerd_root", otherwise.containerdRoot()),
            toml.number("apply_threads", otherwise.applyThreads(), 1, 256),
            toml.number("apply_queue_max", otherwise.applyQueueMax(), 1, 1_000_000),
            toml.flag("warm_up", otherwise.warmUp()),
            toml.choice(
                "log_level", names(LogLevel.values(), LogLevel::configName), otherwise.logLevel()));
    toml.finish();
    return configuration;
  }

  /** {@return a file that {@link #read} reads as this configuration} */
  public static String write(Configuration configuration) {
    StringBuilder toml = new StringBuilder();
    entries(configuration)
        .forEach((key, value) -> toml.append(key).append(" = ").append(value).append('\n'));
    return toml.toString();
  }

  private static Map<String, String> entries(Configuration configuration) {
    Map<String, String> entries = new LinkedHashMap<>();
    entries.put("root", quoted(configuration.root().toString()));
    entries.put("address", quoted(configuration.address().toString()));
    entries.put("driver", quoted(configuration.driver().configName()));
    entries.put("transport", quoted(configuration.transport().configName()));
    entries.put("allowed_uids", list(configuration.allowedUids().stream().sorted().toList()));
    entries.put("allowed_gids", list(configuration.allowedGids().stream().sorted().toList()));
    entries.put(
        "mount_options",
        list(configuration.mountOptions().stream().map(ConfigurationFile::quoted).toList()));
    entries.put("volatile", Boolean.toString(configuration.volatileContainers()));
    entries.put("upperdir_label", Boolean.toString(configuration.upperdirLabel()));
    entries.put("remap_ids", Boolean.toString(configuration.remapIds()));
    entries.put("rebase", Boolean.toString(configuration.rebase()));
    entries.put("layer_sync", quoted(configuration.syncPolicy().configName()));
    entries.put("layers", quoted(configuration.layers().configName()));
    entries.put("selinux_context", quoted(configuration.selinuxContext()));
    entries.put("layer_protection", quoted(configuration.layerProtection().configName()));
    entries.put("metadata_entries_max", Integer.toString(configuration.metadataEntriesMax()));
    entries.put("rpc_threads", Integer.toString(configuration.rpcThreads()));
    entries.put("rpc_queue_max", Integer.toString(configuration.rpcQueueMax()));
    entries.put("max_connections", Integer.toString(configuration.connectionsMax()));
    entries.put("message_bytes_max", Integer.toString(configuration.messageBytesMax()));
    entries.put(
        "request_memory_bytes_max", Integer.toString(configuration.requestMemoryBytesMax()));
    entries.put("drain_timeout_seconds", Integer.toString(configuration.drainTimeoutSeconds()));
    entries.put("copy_threads", Integer.toString(configuration.copyThreads()));
    entries.put("containerd_address", quoted(configuration.containerdAddress().toString()));
    entries.put("containerd_root", quoted(configuration.containerdRoot().toString()));
    entries.put("apply_threads", Integer.toString(configuration.applyThreads()));
    entries.put("apply_queue_max", Integer.toString(configuration.applyQueueMax()));
    entries.put("warm_up", Boolean.toString(configuration.warmUp()));
    entries.put("log_level", quoted(configuration.logLevel().configName()));
    return entries;
  }

  private static List<String> mountOptions(TomlTable toml, List<String> otherwise) {
    List<String> options = toml.texts("mount_options", otherwise);
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

  private static String selinuxContext(TomlTable toml, String otherwise) {
    String context = toml.text("selinux_context", otherwise);
    if (!context.isEmpty() && !SELINUX_CONTEXT.matcher(context).matches()) {
      throw toml.refusal(
          "selinux_context",
          "must be empty or a context such as \"system_u:object_r:container_ro_file_t:s0\"");
    }
    return context;
  }

  private static <T> Map<String, T> names(T[] values, Function<T, String> name) {
    Map<String, T> names = new LinkedHashMap<>();
    for (T value : values) {
      names.put(name.apply(value), value);
    }
    return names;
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

  private static String list(Collection<?> elements) {
    return new ArrayList<>(elements).toString();
  }
}
