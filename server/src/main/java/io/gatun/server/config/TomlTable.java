package io.gatun.server.config;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;

/** The keys of a TOML file; {@link #finish} refuses keys that were never read. */
final class TomlTable {

  private final String fileName;
  private final TomlParseResult toml;
  private final Set<String> known = new LinkedHashSet<>();

  TomlTable(String fileName, String text) {
    this.fileName = fileName;
    this.toml = Toml.parse(text);
    if (toml.hasErrors()) {
      TomlParseError error = toml.errors().getFirst();
      throw new StartException(
          "%s:%d: %s".formatted(fileName, error.position().line(), firstLine(error.getMessage())));
    }
  }

  boolean flag(String key, boolean otherwise) {
    return value(key, Boolean.class, otherwise, "true or false");
  }

  int number(String key, int otherwise, long minimum, long maximum) {
    String range = "a number from %d to %d".formatted(minimum, maximum);
    long number = value(key, Long.class, (long) otherwise, range);
    if (number < minimum || number > maximum) {
      throw refusal(key, "must be " + range);
    }
    return (int) number;
  }

  String text(String key, String otherwise) {
    return value(key, String.class, otherwise, "a string");
  }

  Path absolutePath(String key, String otherwise) {
    String value = text(key, otherwise);
    try {
      Path path = Path.of(value);
      if (path.isAbsolute()) {
        return path.normalize();
      }
    } catch (InvalidPathException e) {
      // Reported below.
    }
    throw refusal(key, "must be an absolute path");
  }

  /** {@return the constant with this name, or the other one of its type} */
  <E extends Enum<E>> E choice(String key, E otherwise) {
    Object value = value(key);
    if (value == null) {
      return otherwise;
    }
    StringJoiner names = new StringJoiner("\", \"", "\"", "\"");
    for (E choice : otherwise.getDeclaringClass().getEnumConstants()) {
      if (name(choice).equals(value)) {
        return choice;
      }
      names.add(name(choice));
    }
    throw refusal(key, "must be one of " + names);
  }

  /** {@return the name of a constant in a file, such as {@code io_uring}} */
  static String name(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  List<String> texts(String key) {
    List<String> texts = new ArrayList<>();
    for (Object element : list(key)) {
      if (!(element instanceof String text)) {
        throw refusal(key, "must be a list of strings");
      }
      texts.add(text);
    }
    return texts;
  }

  Set<Long> numbers(String key, long minimum, long maximum) {
    Set<Long> numbers = new HashSet<>();
    for (Object element : list(key)) {
      if (!(element instanceof Long number) || number < minimum || number > maximum) {
        throw refusal(key, "must be a list of numbers from %d to %d".formatted(minimum, maximum));
      }
      numbers.add(number);
    }
    return numbers;
  }

  /** {@return the keys read so far, in this order} */
  Set<String> keys() {
    return known;
  }

  /** Refuses the file if it has a key that was never read. */
  void finish() {
    for (String key : toml.keySet()) {
      if (!known.contains(key)) {
        throw refusal(key, "is unknown; the keys are " + String.join(", ", known));
      }
    }
  }

  StartException refusal(String key, String reason) {
    TomlPosition position = toml.inputPositionOf(List.of(key));
    String line = position == null ? "" : ":" + position.line();
    return new StartException("%s%s: %s %s".formatted(fileName, line, key, reason));
  }

  private @Nullable Object value(String key) {
    known.add(key);
    return toml.get(List.of(key));
  }

  private List<Object> list(String key) {
    Object value = value(key);
    if (value == null) {
      return List.of();
    }
    if (value instanceof TomlArray array) {
      return array.toList();
    }
    throw refusal(key, "must be a list, such as []");
  }

  private <T> T value(String key, Class<T> type, T otherwise, String form) {
    Object value = value(key);
    if (value == null) {
      return otherwise;
    }
    if (!type.isInstance(value)) {
      throw refusal(key, "must be " + form);
    }
    return type.cast(value);
  }

  private static String firstLine(@Nullable String message) {
    return message == null ? "not TOML" : message.lines().findFirst().orElse(message);
  }
}
