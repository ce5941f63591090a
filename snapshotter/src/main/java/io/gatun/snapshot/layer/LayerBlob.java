package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import java.io.Closeable;
import java.util.OptionalLong;

/**
 * A layer as the registry has it, read once from its beginning to its end, by one thread at a time.
 * Whoever opened it closes it, after the apply.
 */
public interface LayerBlob extends BlobSource, Closeable {

  /** {@return what its descriptor says that it is} */
  Digest digest();

  /** {@return what its descriptor says how long it is; an apply fails if it is not} */
  OptionalLong sizeBytes();

  /**
   * {@return whether what is read is known to have this digest} If not, an apply hashes it.
   *
   * <p>It is for content that containerd's store has finished, which hashes while it writes and
   * gives no name to what turns out to be something else. containerd's own differ relies on that as
   * well; and if the disk has damaged the blob since, the layer's diff id, which containerd
   * compares with the image's configuration, is not what it should be.
   */
  boolean isVerified();

  /**
   * Called from any thread, at any time and maybe more than once, when nothing more is wanted: a
   * read that waits for somebody else, such as another process, then fails. Reads that come back by
   * themselves need not take notice.
   */
  default void abandon() {}
}
