package io.gatun.linux.mount;

import static io.gatun.linux.NativeCall.INT;
import static io.gatun.linux.NativeCall.LONG;
import static io.gatun.linux.NativeCall.POINTER;
import static io.gatun.linux.NativeCall.check;
import static io.gatun.linux.NativeCall.function;
import static io.gatun.linux.NativeCall.offset;
import static io.gatun.linux.NativeCall.repeat;
import static io.gatun.linux.NativeCall.string;
import static io.gatun.linux.NativeCall.systemCall;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.Flags;
import io.gatun.linux.KernelFeature;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.SystemCall;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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

  /** Operations of mount(2) and flags of the mount. */
  public enum MountFlag {
    READ_ONLY(Abi.MS_RDONLY),
    NO_SUID(Abi.MS_NOSUID),
    NO_DEVICES(Abi.MS_NODEV),
    NO_EXEC(Abi.MS_NOEXEC),
    /** Changes a mount; with {@link #BIND}, only its own flags and not the filesystem's. */
    REMOUNT(Abi.MS_REMOUNT),
    NO_ACCESS_TIME(Abi.MS_NOATIME),
    /**
     * Mounts a tree at a second place. All other flags but {@link #RECURSIVE} are ignored; remount
     * to set them.
     */
    BIND(Abi.MS_BIND),
    RECURSIVE(Abi.MS_REC),
    PRIVATE(Abi.MS_PRIVATE);

    final int bits;

    MountFlag(int bits) {
      this.bits = bits;
    }
  }

  /** How umount2(2) treats a mount in use. Without a flag, it fails with {@code EBUSY}. */
  public enum UnmountFlag {
    /** Removes it from the tree now, and unmounts it after its last use. */
    DETACH(Abi.MNT_DETACH),
    /** Does not follow the target if it is a symbolic link. */
    NO_FOLLOW(Abi.UMOUNT_NOFOLLOW);

    final int bits;

    UnmountFlag(int bits) {
      this.bits = bits;
    }
  }

  /** How open_tree(2) opens a tree. Without a flag, like an open with {@link OpenFlag#PATH}. */
  public enum OpenTreeFlag {
    /** A detached copy of the mount, like a bind mount; it ends when the descriptor is closed. */
    CLONE(Abi.OPEN_TREE_CLONE),
    /** Only with {@link #CLONE}: includes the mounts below. */
    RECURSIVE(Abi.AT_RECURSIVE),
    /** An empty path means the descriptor itself. */
    EMPTY_PATH(Abi.AT_EMPTY_PATH),
    SYMLINK_NOFOLLOW(Abi.AT_SYMLINK_NOFOLLOW);

    final int bits;

    OpenTreeFlag(int bits) {
      this.bits = bits;
    }
  }

  /** Attributes of a mount, as set by fsmount(2) and mount_setattr(2). */
  public enum MountAttribute {
    READ_ONLY(Abi.MOUNT_ATTR_RDONLY),
    NO_SUID(Abi.MOUNT_ATTR_NOSUID),
    NO_DEVICES(Abi.MOUNT_ATTR_NODEV);

    final int bits;

    MountAttribute(int bits) {
      this.bits = bits;
    }
  }

  /** Propagation of mounts and unmounts, {@code mount_namespaces(7)}. */
  public enum Propagation {
    PRIVATE(Abi.MS_PRIVATE),
    SHARED(Abi.MS_SHARED);

    final int bits;

    Propagation(int bits) {
      this.bits = bits;
    }
  }

  private static final MethodHandle MOUNT =
      function("mount", INT, POINTER, POINTER, POINTER, LONG, POINTER);
  private static final MethodHandle UMOUNT2 = function("umount2", INT, POINTER, INT);
  private static final MethodHandle OPEN_TREE =
      systemCall(SystemCall.SYS_open_tree, INT, POINTER, INT);
  private static final MethodHandle MOVE_MOUNT =
      systemCall(SystemCall.SYS_move_mount, INT, POINTER, INT, POINTER, INT);
  private static final MethodHandle FSOPEN = systemCall(SystemCall.SYS_fsopen, POINTER, INT);
  private static final MethodHandle FSCONFIG =
      systemCall(SystemCall.SYS_fsconfig, INT, INT, POINTER, POINTER, INT);
  private static final MethodHandle FSMOUNT = systemCall(SystemCall.SYS_fsmount, INT, INT, INT);
  private static final MethodHandle MOUNT_SETATTR =
      systemCall(SystemCall.SYS_mount_setattr, INT, POINTER, INT, POINTER, LONG);

  private static final long ATTR_SET = offset(Abi.MOUNT_ATTR, "attr_set");
  private static final long PROPAGATION = offset(Abi.MOUNT_ATTR, "propagation");
  private static final long USERNS_FD = offset(Abi.MOUNT_ATTR, "userns_fd");

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
   * @param type the filesystem; ignored for {@link MountFlag#BIND}, {@link MountFlag#REMOUNT} and
   *     changes of propagation
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
                          string(source, arena),
                          string(target, arena),
                          string(filesystem, arena),
                          bits,
                          string(options, arena)));
    }
    check("mount", result, Fd.CURRENT_DIRECTORY, source, Fd.CURRENT_DIRECTORY, target);
  }

  /** umount2(2). */
  public static void umount2(LinuxPath target, UnmountFlag... flags) throws ErrnoException {
    int bits = Flags.bits(flags, flag -> flag.bits);
    long result =
        repeat((state, arena) -> (int) UMOUNT2.invokeExact(state, string(target, arena), bits));
    check("umount2", result, Fd.CURRENT_DIRECTORY, target);
  }

  // Mount trees.

  /** Opens a tree of mounts, or a detached copy of one: open_tree(2). */
  public static Fd openTree(Fd directory, LinuxPath path, OpenTreeFlag... flags)
      throws ErrnoException {
    int at = directory.number();
    int bits = Flags.bits(flags, flag -> flag.bits) | Abi.OPEN_TREE_CLOEXEC;
    long result =
        repeat(
            (state, arena) -> (long) OPEN_TREE.invokeExact(state, at, string(path, arena), bits));
    return Fd.opened((int) check("open_tree", result, directory, path), directory, path);
  }

  /** Attaches a detached mount: move_mount(2). */
  public static void moveMount(Fd mount, Fd directory, LinuxPath target) throws ErrnoException {
    int from = mount.number();
    int at = directory.number();
    int bits = Abi.MOVE_MOUNT_F_EMPTY_PATH;
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment empty = string(LinuxPath.EMPTY, arena);
              return (long)
                  MOVE_MOUNT.invokeExact(state, from, empty, at, string(target, arena), bits);
            });
    check("move_mount", result, mount, LinuxPath.EMPTY, directory, target);
  }

  /**
   * Changes a mount: mount_setattr(2), Linux 5.12 or later.
   *
   * @param flags {@link AtFlag#EMPTY_PATH}, {@link AtFlag#SYMLINK_NOFOLLOW}
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
              MemorySegment attributes = arena.allocate(Abi.MOUNT_ATTR);
              attributes.set(LONG, ATTR_SET, change.setBits());
              attributes.set(LONG, PROPAGATION, propagation);
              attributes.set(LONG, USERNS_FD, userNamespace);
              return (long)
                  MOUNT_SETATTR.invokeExact(
                      state, at, string(path, arena), bits, attributes, attributes.byteSize());
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
            (state, arena) ->
                (long) FSOPEN.invokeExact(state, string(name, arena), Abi.FSOPEN_CLOEXEC));
    return Fd.opened((int) check("fsopen", result, Fd.CURRENT_DIRECTORY, name), type);
  }

  /** Sets an option without value: FSCONFIG_SET_FLAG. */
  public static void fsconfigSetFlag(Fd context, String key) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_FLAG, key, null);
  }

  /** Sets an option: FSCONFIG_SET_STRING. Values of more than 255 bytes are {@code EINVAL}. */
  public static void fsconfigSetString(Fd context, String key, String value) throws ErrnoException {
    fsconfigSetString(context, key, LinuxPath.of(value));
  }

  /** Like {@link #fsconfigSetString(Fd, String, String)}, with a value of any bytes. */
  public static void fsconfigSetString(Fd context, String key, LinuxPath value)
      throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_SET_STRING, key, value);
  }

  /** Creates the filesystem, or reuses an identical one: FSCONFIG_CMD_CREATE. */
  public static void fsconfigCreate(Fd context) throws ErrnoException {
    fsconfig(context, Abi.FSCONFIG_CMD_CREATE, null, null);
  }

  private static void fsconfig(
      Fd context, int command, @Nullable String key, @Nullable LinuxPath value)
      throws ErrnoException {
    int fd = context.number();
    long result =
        repeat(
            (state, arena) -> {
              MemorySegment option =
                  key == null ? MemorySegment.NULL : string(LinuxPath.of(key), arena);
              MemorySegment text = value == null ? MemorySegment.NULL : string(value, arena);
              return (long) FSCONFIG.invokeExact(state, fd, command, option, text, 0);
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
  static List<String> messages(Fd context) throws ErrnoException {
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
}
