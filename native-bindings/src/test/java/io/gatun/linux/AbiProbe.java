package io.gatun.linux;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Queries the headers through this machine's C compiler, with a temporary program that prints the
 * values of C expressions.
 *
 * <p>The expressions come from the Java side by reflection and cover everything in {@link #SOURCES}
 * and {@link Errno}. One that the headers do not define does not compile.
 */
final class AbiProbe {

  private static final String HEADERS =
      """
      #define _GNU_SOURCE
      #include <stddef.h>
      #include <stdint.h>
      #include <stdio.h>
      #include <string.h>
      #include <dirent.h>
      #include <errno.h>
      #include <fcntl.h>
      #include <sched.h>
      #include <time.h>
      #include <unistd.h>
      #include <sys/file.h>
      #include <sys/mount.h>
      #include <sys/stat.h>
      #include <sys/statfs.h>
      #include <sys/statvfs.h>
      #include <sys/syscall.h>
      #include <sys/types.h>
      #include <sys/wait.h>
      #include <sys/xattr.h>
      #include <linux/falloc.h>
      #include <linux/fs.h>
      #include <linux/fsverity.h>
      #include <linux/limits.h>
      #include <linux/loop.h>
      #include <linux/magic.h>
      #include <linux/mman.h>
      #include <linux/mount.h>
      #include <linux/openat2.h>
      #include <isa-l.h>
      """;

  /** The classes with numbers and structures of the headers; their private fields are others. */
  private static final List<String> SOURCES =
      List.of(
          "io.gatun.linux.Fd",
          "io.gatun.linux.SystemCall",
          "io.gatun.linux.file.Abi",
          "io.gatun.linux.mount.Abi",
          "io.gatun.isal.Abi");

  private static final int COMPILE_SECONDS_MAX = 60;

  private AbiProbe() {}

  /** {@return the value of every constant on the Java side, by its C name} */
  static Map<String, Long> javaConstants() throws ReflectiveOperationException {
    Map<String, Long> constants = new LinkedHashMap<>();
    for (Field field : fields()) {
      if (field.getType().isPrimitive()) {
        constants.put(field.getName(), ((Number) field.get(null)).longValue());
      }
    }
    for (Errno errno : Errno.values()) {
      if (errno != Errno.UNKNOWN) {
        constants.put(errno.name(), (long) errno.number());
      }
    }
    return constants;
  }

  private static List<Field> fields() throws ReflectiveOperationException {
    List<Field> fields = new ArrayList<>();
    for (String source : SOURCES) {
      for (Field field : Class.forName(source).getDeclaredFields()) {
        int modifiers = field.getModifiers();
        if (Modifier.isStatic(modifiers) && !Modifier.isPrivate(modifiers)) {
          field.setAccessible(true);
          fields.add(field);
        }
      }
    }
    return fields;
  }

  /**
   * {@return the sizes and offsets of every structure and its members on the Java side, by C
   * expression}
   */
  static Map<String, Long> javaLayouts() throws ReflectiveOperationException {
    Map<String, Long> expressions = new LinkedHashMap<>();
    for (Field field : fields()) {
      if (field.get(null) instanceof StructLayout struct) {
        String name = "struct " + struct.name().orElseThrow();
        expressions.put("sizeof(" + name + ")", struct.byteSize());
        long offset = 0;
        for (MemoryLayout member : struct.memberLayouts()) {
          if (!(member instanceof PaddingLayout)) {
            String memberName = member.name().orElseThrow();
            expressions.put("offsetof(" + name + ", " + memberName + ")", offset);
            expressions.put("sizeof(((" + name + " *) 0)->" + memberName + ")", member.byteSize());
          }
          offset += member.byteSize();
        }
      }
    }
    return expressions;
  }

  /** {@return the value of each expression in C} */
  static Map<String, Long> numbers(Iterable<String> expressions, Path directory)
      throws IOException, InterruptedException {
    StringBuilder body = new StringBuilder();
    for (String expression : expressions) {
      body.append("  printf(\"%s\\t%lld\\n\", \"")
          .append(expression)
          .append("\", (long long) (")
          .append(expression)
          .append("));\n");
    }
    Map<String, Long> values = new LinkedHashMap<>();
    run(body.toString(), directory)
        .lines()
        .map(line -> line.split("\t", -1))
        .forEach(columns -> values.put(columns[0], Long.valueOf(columns[1])));
    return values;
  }

  /** {@return the text of strerror(3) for every number up to a limit, in the C locale} */
  static Map<Integer, String> errorTexts(int limit, Path directory)
      throws IOException, InterruptedException {
    String body =
        "  for (int i = 1; i < %d; i++) printf(\"%%d\\t%%s\\n\", i, strerror(i));\n"
            .formatted(limit);
    Map<Integer, String> texts = new LinkedHashMap<>();
    run(body, directory)
        .lines()
        .map(line -> line.split("\t", -1))
        .forEach(columns -> texts.put(Integer.valueOf(columns[0]), columns[1]));
    return texts;
  }

  private static String run(String body, Path directory) throws IOException, InterruptedException {
    Path source = directory.resolve("probe.c");
    Path program = directory.resolve("probe");
    Files.writeString(source, HEADERS + "int main(void) {\n" + body + "  return 0;\n}\n");
    execute("cc", "-o", program.toString(), source.toString());
    return execute(program.toString());
  }

  private static String execute(String... command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      // Must not be skipped: no other test verifies the numbers.
      throw new IOException(
          "the ABI probe needs a C compiler and the headers of the kernel and of ISA-L", e);
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(COMPILE_SECONDS_MAX, TimeUnit.SECONDS) || process.exitValue() != 0) {
      throw new IOException(String.join(" ", command) + " failed:\n" + output);
    }
    return output;
  }
}
