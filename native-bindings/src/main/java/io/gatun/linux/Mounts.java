package io.gatun.linux;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.systemCall;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Mounting and unmounting: {@code sys/mount.h} and {@code linux/mount.h}.
 *
 * <p>All calls need CAP_SYS_ADMIN in the user namespace that owns the mount namespace. A mount is
 * visible to every process in the mount namespace of the calling <em>thread</em>. The descriptor
 * based calls need Linux 5.2, and 5.12 for {@link #mountSetattr}; see {@link KernelFeature}.
 */
public final class Mounts {

  private static final MethodHandle MOUNT =
      function("mount", INT, POINTER, POINTER, POINTER, LONG, POINTER);
  private static final MethodHandle UMOUNT2 = function("umount2", INT, POINTER, INT);
  private static final MethodHandle OPEN_TREE = systemCall(Abi.SYS_open_tree, INT, POINTER, INT);
  private static final MethodHandle MOVE_MOUNT =
      systemCall(Abi.SYS_move_mount, INT, POINTER, INT, POINTER, INT);
  private static final MethodHandle FSOPEN = systemCall(Abi.SYS_fsopen, POINTER, INT);
  private static final MethodHandle FSPICK = systemCall(Abi.SYS_fspick, INT, POINTER, INT);
  private static final MethodHandle FSCONFIG =
      systemCall(Abi.SYS_fsconfig, INT, INT, POINTER, POINTER, INT);
  private static final MethodHandle FSMOUNT = systemCall(Abi.SYS_fsmount, INT, INT, INT);
  private static final MethodHandle MOUNT_SETATTR =
      systemCall(Abi.SYS_mount_setattr, INT, POINTER, INT, POINTER, LONG);

  private static final long ATTR_SET = Layouts.offset(Layouts.MOUNT_ATTR, "attr_set");
  private static final long ATTR_CLR = Layouts.offset(Layouts.MOUNT_ATTR, "attr_clr");
  private static final long PROPAGATION = Layouts.offset(Layouts.MOUNT_ATTR, "propagation");
  private static final long USERNS_FD = Layouts.offset(Layouts.MOUNT_ATTR, "userns_fd");

  /** The options that mount(2) reads: at most one page, of the smallest page size. */
  private static final int DATA_BYTES_MAX = 4095;

  /** The kernel keeps the last eight messages of a filesystem context, of one line each. */
  private static final int MESSAGES_MAX = 8;

  private static final int MESSAGE_BYTES_MAX = 4096;

  private Mounts() {}

  // mount(2) and umount2(2).

  /**
   * mount(2).
   *
   * @param source what to mount; ignored by some filesystems
   * @param type the filesystem; ignored for {@link MountFlag#BIND}, {@link MountFlag#MOVE}, {@link
   *     MountFlag#REMOUNT} and changes of propagation
   * @param data options for the filesystem, separated by commas
   * @throws ErrnoException also with {@code E2BIG} if the options are longer than 4095 bytes, which
   *     the kernel would silently truncate
   */
  public static void mount(
      LinuxPath source, LinuxPath target, String type, Set<MountFlag> flags, String data)
      throws ErrnoException {
    LinuxPath options = LinuxPath.of(data);
    LinuxPath filesystem = LinuxPath.of(type);
    long result = -Errno.E2BIG.number();
    if (options.length() <= DATA_BYTES_MAX) {
      long bits = Flags.bits(flags, flag -> flag.bits);
      result =
          repeat(
              (state, arena) ->
                  (int)
                      MOUNT.invokeExact(
                          state,
                          source.in(arena),
                          target.in(arena),
                          filesystem.in(arena),
                          bits,
                          options.in(arena)));
    }
    check("mount", result, Fd.CURRENT_DIRECTORY, source, Fd.CURRENT_DIRECTORY, target);
  }

  /** umount2(2). */
  public static void umount2(LinuxPath target, UnmountFlag... flags) throws ErrnoException {
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat((state, arena) -> (int) UMOUNT2.invokeExact(state, target.in(arena), bits));
    check("umount2", result, Fd.CURRENT_DIRECTORY, target);
  }

  // Mount trees.

  /** Opens a tree of mounts, or a detached copy of one: open_tree(2). */
  public static Fd openTree(Fd directory, LinuxPath path, OpenTreeFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits) | Abi.OPEN_TREE_CLOEXEC;
    long result =
        repeat((state, arena) -> (long) OPEN_TREE.invokeExact(state, at, path.in(arena), bits));
    return Fd.opened((int) check("open_tree", result, directory, path), directory, path);
  }

  /** Attaches a detached mount, or moves an attached one: move_mount(2). */
  public static void moveMount(
      Fd fromDirectory, LinuxPath from, Fd toDirectory, LinuxPath to, MoveMountFlag... flags)
      throws ErrnoException {
    int fromAt = fromDirectory.number();
    int toAt = toDirectory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat(
            (state, arena) ->
                (long)
                    MOVE_MOUNT.invokeExact(
                        state, fromAt, from.in(arena), toAt, to.in(arena), bits));
    check("move_mount", result, fromDirectory, from, toDirectory, to);
  }

  /**
   * Changes a mount: mount_setattr(2), Linux 5.12 or later.
   *
   * @param flags {@link AtFlag#EMPTY_PATH}, {@link AtFlag#RECURSIVE}, {@link
   *     AtFlag#SYMLINK_NOFOLLOW}, {@link AtFlag#NO_AUTOMOUNT}
   */
  public static void mountSetattr(Fd directory, LinuxPath path, MountChange change, AtFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits);
    int userNamespace = change.userNamespace().map(Fd::number).orElse(0);
    int propagation = change.propagation().map(kind -> kind.bits).orElse(0);
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment attributes = arena.allocate(Layouts.MOUNT_ATTR);
              attributes.set(LONG, ATTR_SET, change.setBits());
              attributes.set(LONG, ATTR_CLR, change.clearBits());
              attributes.set(LONG, PROPAGATION, propagation);
              attributes.set(LONG, USERNS_FD, userNamespace);
              return (long)
                  MOUNT_SETATTR.invokeExact(
                      state, at, path.in(arena), bits, attributes, attributes.byteSize());
            });
    check("mount_setattr", result, directory, path);
  }

  // Filesystem contexts: fsopen, then fsconfig as often as needed, then fsmount, then move_mount.

  /**
   * {@return an empty context for a filesystem type: fsopen(2)} {@code ENODEV} if the type is
   * unknown.
   */
  public static Fd fsopen(String type) throws ErrnoException {
    LinuxPath name = LinuxPath.of(type);
    long result =
        repeat(
            (state, arena) -> (long) FSOPEN.invokeExact(state, name.in(arena), Abi.FSOPEN_CLOEXEC));
    return Fd.opened((int) check("fsopen", result, Fd.CURRENT_DIRECTORY, name), type);
  }

  /** {@return a context to reconfigure a mounted filesystem: fspick(2)} */
  public static Fd fspick(Fd directory, LinuxPath path, PickFlag... flags) throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits) | Abi.FSPICK_CLOEXEC;
    long result =
        repeat((state, arena) -> (long) FSPICK.invokeExact(state, at, path.in(arena), bits));
    return Fd.opened((int) check("fspick", result, directory, path), directory, path);
  }

  /** Sets an option without value: FSCONFIG_SET_FLAG. */
  public static void fsconfigSetFlag(Fd context, String key) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_FLAG, key, null, 0);
  }

  /** Sets an option: FSCONFIG_SET_STRING. Values of more than 255 bytes are {@code EINVAL}. */
  public static void fsconfigSetString(Fd context, String key, String value) throws ErrnoException {
    fsconfigSetString(context, key, LinuxPath.of(value));
  }

  /** Like {@link #fsconfigSetString(Fd, String, String)}, with a value of any bytes. */
  public static void fsconfigSetString(Fd context, String key, LinuxPath value)
      throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_STRING, key, terminated(value), 0);
  }

  /** Sets an option: FSCONFIG_SET_BINARY. At most 1 MiB. */
  public static void fsconfigSetBinary(Fd context, String key, byte[] value) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_BINARY, key, value, value.length);
  }

  /** Sets an option to the file at a path: FSCONFIG_SET_PATH. */
  public static void fsconfigSetPath(Fd context, String key, Fd directory, LinuxPath path)
      throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_PATH, key, terminated(path), directory.number());
  }

  /** Sets an option to the file of a descriptor: FSCONFIG_SET_PATH_EMPTY. */
  public static void fsconfigSetPathEmpty(Fd context, String key, Fd place) throws ErrnoException {
    fsconfig(
        context, Abi.FSCONFIG_SET_PATH_EMPTY, key, terminated(LinuxPath.EMPTY), place.number());
  }

  /** Sets an option to an open file: FSCONFIG_SET_FD. */
  public static void fsconfigSetFd(Fd context, String key, Fd value) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_FD, key, null, value.number());
  }

  /** Creates the filesystem, or reuses an identical one: FSCONFIG_CMD_CREATE. */
  public static void fsconfigCreate(Fd context) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_CMD_CREATE, null, null, 0);
  }

  /**
   * Creates the filesystem; {@code EBUSY} instead of reusing one: FSCONFIG_CMD_CREATE_EXCL, Linux
   * 6.6.
   */
  public static void fsconfigCreateExclusive(Fd context) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_CMD_CREATE_EXCL, null, null, 0);
  }

  /** Reconfigures a mounted filesystem: FSCONFIG_CMD_RECONFIGURE. */
  public static void fsconfigReconfigure(Fd context) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_CMD_RECONFIGURE, null, null, 0);
  }

  private static void fsconfig(
      Fd context, int command, @Nullable String key, byte @Nullable [] value, int auxiliary)
      throws ErrnoException {
    int fd = context.number();
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment option = key == null ? MemorySegment.NULL : LinuxPath.of(key).in(arena);
              MemorySegment bytes =
                  value == null
                      ? MemorySegment.NULL
                      : arena.allocateFrom(ValueLayout.JAVA_BYTE, value);
              return (long) FSCONFIG.invokeExact(state, fd, command, option, bytes, auxiliary);
            });
    if (result < 0) {
      String subject = key == null ? context.path().toString() : context.path() + " " + key;
      throw new ErrnoException("fsconfig", (int) -result, subject, explanation(context));
    }
  }

  /** Returns the context's messages, which are the only explanation: errno is mostly EINVAL. */
  private static String explanation(Fd context) {
    try {
      return String.join("; ", messages(context));
    } catch (ErrnoException e) {
      // The original failure is reported anyway.
      return "";
    }
  }

  /**
   * {@return the kernel's new messages about a context: at most eight lines, each prefixed with
   * {@code e}, {@code w} or {@code i} for error, warning or information} The exception of a failed
   * fsconfig call contains them already.
   */
  public static List<String> messages(Fd context) throws ErrnoException {
    List<String> messages = new ArrayList<>();
    try {
      while (messages.size() < MESSAGES_MAX) {
        ByteBuffer message = ByteBuffer.allocate(MESSAGE_BYTES_MAX);
        Unistd.read(context, message);
        messages.add(
            new String(message.array(), 0, message.position(), StandardCharsets.UTF_8).strip());
      }
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENODATA)) {
        throw e;
      }
    }
    return messages;
  }

  /** {@return a detached mount of a context's filesystem: fsmount(2)} */
  public static Fd fsmount(Fd context, MountAttribute... attributes) throws ErrnoException {
    int fd = context.number();
    int bits = Flags.bits(attributes, attribute -> attribute.bits);
    long result =
        repeat((state, arena) -> (long) FSMOUNT.invokeExact(state, fd, Abi.FSMOUNT_CLOEXEC, bits));
    return Fd.opened((int) check("fsmount", result, context), context.path().toString());
  }

  private static byte[] terminated(LinuxPath path) {
    return Arrays.copyOf(path.bytes(), path.length() + 1);
  }
}
