package io.gatun.server.powercut;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/**
 * One file whose content a Java object provides, by the kernel's FUSE protocol
 * (include/uapi/linux/fuse.h, version 7.31 or later). The root of the mount is the file itself, as
 * the protocol allows, so there are no names and no directories.
 *
 * <p>The file is opened with {@code FOPEN_DIRECT_IO}: it bypasses the page cache, so each read(2),
 * write(2) and fsync(2) of its users arrives here before it returns. One thread answers, one
 * request at a time; the order of its answers is the order of events.
 *
 * <pre>
 *   request   fuse_in_header (40 bytes), arguments, data of a write
 *   reply     fuse_out_header (16 bytes), result, data of a read
 * </pre>
 */
final class FuseFile {

  /**
   * The content of the file. Called by one thread; an exception becomes the errno of the request.
   */
  interface Content {

    /** {@return the size of the file, which never changes} */
    long sizeBytes();

    /** Fills the buffer, whose range ends within the file. */
    void read(ByteBuffer into, long offset) throws IOException;

    void write(ByteBuffer from, long offset) throws IOException;

    /** Zeroes a range. */
    void zero(long offset, long length) throws IOException;

    /** Makes all writes so far durable. */
    void flush() throws IOException;
  }

  private static final int MAJOR = 7;
  private static final int MINOR = 31;

  // enum fuse_opcode; others are answered with ENOSYS.
  private static final int FORGET = 2;
  private static final int GETATTR = 3;
  private static final int OPEN = 14;
  private static final int READ = 15;
  private static final int WRITE = 16;
  private static final int STATFS = 17;
  private static final int RELEASE = 18;
  private static final int FSYNC = 20;
  private static final int FLUSH = 25;
  private static final int INIT = 26;
  private static final int INTERRUPT = 36;
  private static final int BATCH_FORGET = 42;
  private static final int FALLOCATE = 43;

  // FUSE_BIG_WRITES and FUSE_MAX_PAGES of fuse_init_out.flags; FOPEN_DIRECT_IO of fuse_open_out.
  private static final int BIG_WRITES = 1 << 5;
  private static final int MAX_PAGES = 1 << 22;
  private static final int DIRECT_IO = 1;

  // linux/falloc.h
  private static final int KEEP_SIZE = 1;
  private static final int PUNCH_HOLE = 2;
  private static final int ZERO_RANGE = 16;

  private static final int IN_HEADER_BYTES = 40;
  private static final int OUT_HEADER_BYTES = 16;
  private static final int INIT_OUT_BYTES = 64;
  private static final int ATTR_OUT_BYTES = 104;
  private static final int WRITE_IN_BYTES = 40;
  private static final int STATFS_OUT_BYTES = 80;

  private static final int PAGE_BYTES = 4096;
  private static final int TRANSFER_PAGES = 256;
  private static final int TRANSFER_BYTES = TRANSFER_PAGES * PAGE_BYTES;
  private static final int REGULAR_FILE = 0100600;
  private static final long FOREVER_SECONDS = 1L << 30;

  private final Content content;
  private final Path file;
  private final Fd device;
  private final Thread server;
  private final ByteBuffer request = buffer(IN_HEADER_BYTES + WRITE_IN_BYTES + TRANSFER_BYTES);
  private final ByteBuffer reply = buffer(OUT_HEADER_BYTES + TRANSFER_BYTES);

  private volatile @Nullable IOException failure;

  /**
   * Mounts over a file and serves it until it is unmounted.
   *
   * @param file must exist; the mount hides its own content
   */
  FuseFile(Path file, Content content) throws ErrnoException {
    this.content = content;
    this.file = file;
    this.device = Fcntl.open(LinuxPath.of("/dev/fuse"), OpenFlag.READ_WRITE);
    this.server = Thread.ofPlatform().name("fuse-file").daemon().unstarted(this::serve);
    try {
      Mounts.mount(
          LinuxPath.of("gatun-test-disk"),
          LinuxPath.of(file),
          "fuse",
          EnumSet.of(MountFlag.NO_SUID, MountFlag.NO_DEVICES),
          "fd=%d,rootmode=%o,user_id=0,group_id=0".formatted(device.number(), REGULAR_FILE));
    } catch (ErrnoException e) {
      device.close();
      throw e;
    }
    server.start();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  private void serve() {
    try {
      while (true) {
        request.clear();
        int length = receive();
        if (length < 0) {
          return;
        }
        request.position(0).limit(length);
        answer();
      }
    } catch (IOException e) {
      failure = e;
    } finally {
      // From here on the kernel answers for this process, with ENOTCONN: waiting users of the file
      // get an error.
      device.close();
    }
  }

  /** {@return the length of the next request, or -1 once the file is unmounted} */
  private int receive() throws ErrnoException {
    while (true) {
      try {
        return Unistd.read(device, request);
      } catch (ErrnoException e) {
        switch (e.errno()) {
          case ENODEV -> {
            return -1;
          }
          // The request was cancelled before it arrived.
          case ENOENT, EINTR, EAGAIN -> request.clear();
          default -> throw e;
        }
      }
    }
  }

  private void answer() throws IOException {
    int opcode = request.getInt(4);
    long unique = request.getLong(8);
    reply.clear().position(OUT_HEADER_BYTES);
    int error = 0;
    switch (opcode) {
      case FORGET, BATCH_FORGET, INTERRUPT -> {
        return;
      }
      default -> {
        try {
          handle(opcode);
        } catch (ErrnoException e) {
          error = e.number();
          note(opcode, e);
        } catch (IOException e) {
          error = Errno.EIO.number();
          note(opcode, e);
        }
      }
    }
    if (error != 0) {
      reply.position(OUT_HEADER_BYTES);
    }
    reply.putInt(0, reply.position()).putInt(4, -error).putLong(8, unique);
    try {
      Unistd.write(device, reply.flip());
    } catch (ErrnoException e) {
      if (!e.is(Errno.ENOENT)) { // The request was interrupted meanwhile.
        throw e;
      }
    }
  }

  private void note(int opcode, IOException e) {
    // An unknown request is not a failure: the kernel works without.
    if (opcode == READ || opcode == WRITE || opcode == FSYNC) {
      failure = e;
    }
  }

  private void handle(int opcode) throws IOException {
    request.position(IN_HEADER_BYTES);
    switch (opcode) {
      case INIT -> handleInit();
      case GETATTR -> handleGetattr();
      case OPEN -> reply.putLong(0).putInt(DIRECT_IO).putInt(0);
      case READ -> handleRead();
      case WRITE -> handleWrite();
      case FSYNC -> content.flush();
      case FALLOCATE -> handleFallocate();
      case STATFS -> reply.put(new byte[STATFS_OUT_BYTES]);
      case RELEASE, FLUSH -> {}
      default -> throw refuse(Errno.ENOSYS);
    }
  }

  private void handleInit() {
    int readAhead = request.getInt(IN_HEADER_BYTES + 8);
    int offered = request.getInt(IN_HEADER_BYTES + 12);
    int start = reply.position();
    reply.put(new byte[INIT_OUT_BYTES]);
    reply.putInt(start, MAJOR).putInt(start + 4, MINOR).putInt(start + 8, readAhead);
    reply.putInt(start + 12, offered & (BIG_WRITES | MAX_PAGES));
    reply.putInt(start + 20, TRANSFER_BYTES); // max_write
    reply.putInt(start + 24, 1); // time_gran, in ns
    reply.putShort(start + 28, (short) TRANSFER_PAGES); // max_pages
  }

  private void handleGetattr() {
    int start = reply.position();
    reply.put(new byte[ATTR_OUT_BYTES]);
    reply.putLong(start, FOREVER_SECONDS);
    int attr = start + 16;
    reply.putLong(attr, 1).putLong(attr + 8, content.sizeBytes());
    reply.putLong(attr + 16, content.sizeBytes() / 512);
    reply.putInt(attr + 60, REGULAR_FILE).putInt(attr + 64, 1); // mode, nlink
    reply.putInt(attr + 80, PAGE_BYTES); // blksize
  }

  private void handleRead() throws IOException {
    long offset = request.getLong(IN_HEADER_BYTES + 8);
    int size = request.getInt(IN_HEADER_BYTES + 16);
    int start = reply.position();
    int length = Math.clamp(content.sizeBytes() - offset, 0, size);
    reply.limit(start + length);
    content.read(reply, offset);
    reply.limit(reply.capacity()).position(start + length);
  }

  private void handleWrite() throws IOException {
    long offset = request.getLong(IN_HEADER_BYTES + 8);
    int size = request.getInt(IN_HEADER_BYTES + 16);
    request.position(IN_HEADER_BYTES + WRITE_IN_BYTES);
    if (size != request.remaining() || offset + size > content.sizeBytes()) {
      throw refuse(Errno.ENOSPC);
    }
    content.write(request, offset);
    reply.putInt(size).putInt(0);
  }

  private void handleFallocate() throws IOException {
    long offset = request.getLong(IN_HEADER_BYTES + 8);
    long length = request.getLong(IN_HEADER_BYTES + 16);
    int mode = request.getInt(IN_HEADER_BYTES + 24) & ~KEEP_SIZE;
    if ((mode != PUNCH_HOLE && mode != ZERO_RANGE) || offset + length > content.sizeBytes()) {
      throw refuse(Errno.EOPNOTSUPP);
    }
    content.zero(offset, length);
  }

  private ErrnoException refuse(Errno errno) {
    return new ErrnoException("fuse", errno, LinuxPath.of(file));
  }

  /**
   * Waits until the file is unmounted.
   *
   * @return why a request failed, if one did; later ones are not reliable
   */
  @Nullable IOException awaitEnd() throws InterruptedException {
    server.join();
    return failure;
  }
}
