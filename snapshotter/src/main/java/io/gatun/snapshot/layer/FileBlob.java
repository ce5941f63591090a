package io.gatun.snapshot.layer;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.Digest;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.OptionalLong;

/** A blob in a file, for example of containerd's content store. */
public final class FileBlob implements LayerBlob {

  private final Fd file;
  private final Digest digest;
  private final OptionalLong sizeBytes;
  private final boolean isVerified;
  private long position;

  private FileBlob(Fd file, Digest digest, OptionalLong sizeBytes, boolean isVerified) {
    this.file = file;
    this.digest = digest;
    this.sizeBytes = sizeBytes;
    this.isVerified = isVerified;
  }

  /** Opens a file, with properties as in {@link LayerBlob}. */
  public static FileBlob open(Path path, Digest digest, OptionalLong sizeBytes, boolean isVerified)
      throws ErrnoException {
    Fd file = Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
    return new FileBlob(file, digest, sizeBytes, isVerified);
  }

  @Override
  public Digest digest() {
    return digest;
  }

  @Override
  public OptionalLong sizeBytes() {
    return sizeBytes;
  }

  @Override
  public boolean isVerified() {
    return isVerified;
  }

  @Override
  public int read(ByteBuffer into) throws ErrnoException {
    int read = Unistd.pread(file, into, position);
    position += read;
    return read == 0 ? -1 : read;
  }

  @Override
  public void close() {
    file.close();
  }
}
