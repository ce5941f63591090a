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
public record FileBlob(Fd file, Digest digest, OptionalLong sizeBytes, boolean isVerified)
    implements LayerBlob {

  /** Opens a file, with properties as in {@link LayerBlob}. */
  public static FileBlob open(Path path, Digest digest, OptionalLong sizeBytes, boolean isVerified)
      throws ErrnoException {
    Fd file = Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW);
    return new FileBlob(file, digest, sizeBytes, isVerified);
  }

  @Override
  public int read(ByteBuffer into) throws ErrnoException {
    int read = Unistd.read(file, into);
    return read == 0 ? -1 : read;
  }

  @Override
  public void close() {
    file.close();
  }
}
