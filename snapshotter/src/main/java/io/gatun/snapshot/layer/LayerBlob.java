package io.gatun.snapshot.layer;

import io.gatun.snapshot.Digest;
import java.io.Closeable;
import java.util.OptionalLong;

/**
 * A layer as stored in the registry, read once from beginning to end, by one thread at a time. The
 * caller that opened it closes it after the apply.
 */
public interface LayerBlob extends BlobSource, Closeable {

  /** {@return the digest in its descriptor} */
  Digest digest();

  /** {@return the size in its descriptor; an apply fails if the blob's size differs} */
  OptionalLong sizeBytes();

  /**
   * {@return whether the content is known to match the digest} If not, an apply hashes it.
   *
   * <p>True for complete content of containerd's store, which hashes while it writes and gives no
   * name to mismatching content. containerd's own differ relies on that as well; if the disk has
   * damaged the blob since, its diff id differs from the one that containerd expects from the
   * image's configuration.
   */
  boolean isVerified();

  /**
   * Makes reads fail that wait for something external, such as another process, because no more
   * bytes are needed. Reads that return by themselves may ignore it. May be called from any thread,
   * at any time and more than once.
   */
  default void abandon() {}
}
