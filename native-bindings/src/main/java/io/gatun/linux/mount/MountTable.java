package io.gatun.linux.mount;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Unistd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The mounts of a mount namespace, from {@code /proc/PID/mountinfo}, {@code proc_pid_mountinfo(5)}:
 *
 * <pre>
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *   id |  device root |    |          |          |    |         of the filesystem
 *      parent      point   options    any number type source
 * </pre>
 *
 * <p>Space, tab, newline, backslash and the number sign are encoded as a backslash and three octal
 * digits (fs/proc_namespace.c: mangle). A concurrent change may be missing; a mount that exists
 * during the whole read is listed once.
 */
public final class MountTable {

  private static final LinuxPath OWN = LinuxPath.of("/proc/thread-self/mountinfo");

  private static final String SHARED = "shared:";
  private static final String MASTER = "master:";
  private static final String END_OF_OPTIONAL = "-";

  private static final int FIELDS_BEFORE_OPTIONAL = 6;
  private static final int FIELDS_AFTER_OPTIONAL = 3;
  private static final int OCTAL_DIGITS = 3;
  private static final int OCTAL_BITS = 3;

  private static final int BUFFER_BYTES = 1 << 16;

  private MountTable() {}

  /**
   * {@return the mounts of the calling thread's namespace below its root directory, in the kernel's
   * order; of two at one mount point, the visible one has the other as its parent}
   */
  public static List<MountEntry> read() throws ErrnoException {
    return read(OWN);
  }

  /**
   * {@return the mounts of another process} {@code ENOENT} if it does not exist, {@code EINVAL} if
   * it is a zombie.
   */
  public static List<MountEntry> ofProcess(long pid) throws ErrnoException {
    return read(LinuxPath.of("/proc/" + pid + "/mountinfo"));
  }

  private static List<MountEntry> read(LinuxPath path) throws ErrnoException {
    ByteArrayOutputStream table = new ByteArrayOutputStream(BUFFER_BYTES);
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    try (Fd file = Fcntl.open(path)) {
      while (Unistd.read(file, buffer) > 0) {
        table.write(buffer.array(), 0, buffer.position());
        buffer.clear();
      }
    }
    return parse(table.toString(StandardCharsets.ISO_8859_1));
  }

  /**
   * @param table the bytes as ISO 8859-1
   * @throws IllegalArgumentException if it is malformed
   */
  static List<MountEntry> parse(String table) {
    List<MountEntry> mounts = new ArrayList<>();
    for (String line : table.split("\n", -1)) {
      if (!line.isEmpty()) {
        mounts.add(entry(line));
      }
    }
    return mounts;
  }

  private static MountEntry entry(String line) {
    String[] fields = line.split(" ", -1);
    int after = FIELDS_BEFORE_OPTIONAL;
    OptionalInt peerGroup = OptionalInt.empty();
    OptionalInt masterGroup = OptionalInt.empty();
    while (after < fields.length && !fields[after].equals(END_OF_OPTIONAL)) {
      if (fields[after].startsWith(SHARED)) {
        peerGroup = OptionalInt.of(Integer.parseInt(fields[after].substring(SHARED.length())));
      } else if (fields[after].startsWith(MASTER)) {
        masterGroup = OptionalInt.of(Integer.parseInt(fields[after].substring(MASTER.length())));
      }
      after++;
    }
    if (fields.length != after + 1 + FIELDS_AFTER_OPTIONAL) {
      throw new IllegalArgumentException("not a line of a mount table: " + line);
    }
    return new MountEntry(
        Integer.parseInt(fields[0]),
        Integer.parseInt(fields[1]),
        device(fields[2]),
        decoded(fields[3]),
        decoded(fields[4]),
        Set.of(fields[5].split(",", -1)),
        peerGroup,
        masterGroup,
        decoded(fields[after + 1]).toString(),
        decoded(fields[after + 2]),
        fields[after + 3]);
  }

  private static long device(String text) {
    int colon = text.indexOf(':');
    return FileStatus.device(
        Integer.parseInt(text.substring(0, colon)), Integer.parseInt(text.substring(colon + 1)));
  }

  private static LinuxPath decoded(String field) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(field.length());
    for (int i = 0; i < field.length(); i++) {
      char character = field.charAt(i);
      if (character == '\\') {
        bytes.write(octal(field, i + 1));
        i += OCTAL_DIGITS;
      } else {
        bytes.write(character);
      }
    }
    return LinuxPath.ofBytes(bytes.toByteArray());
  }

  private static int octal(String field, int from) {
    int value = 0;
    for (int i = from; i < from + OCTAL_DIGITS; i++) {
      value = (value << OCTAL_BITS) | Character.digit(field.charAt(i), 1 << OCTAL_BITS);
    }
    return value;
  }
}
