package io.gatun.server.content;

import io.gatun.server.net.EventLoops;
import io.gatun.snapshot.layer.BlobSink;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The writing side of containerd's content store. Sends nothing to containerd before the first
 * bytes of a blob exist.
 */
public final class ContentWriter {

  private final Path address;
  private final EventLoops loops;
  private final InstantSource clock;

  /**
   * @param address the unix socket of containerd
   * @param clock the clock that containerd uses for the expiry of leases
   */
  public ContentWriter(Path address, EventLoops loops, InstantSource clock) {
    this.address = address;
    this.loops = loops;
    this.clock = clock;
  }

  /**
   * {@return a new blob, written as a {@link BlobSink}; the caller closes it}
   *
   * @param namespace the namespace of the blob
   * @param ref the name of its ingest; empty for any name
   */
  public ContentIngest begin(String namespace, String ref) {
    String unique =
        "gatun-diff-" + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    return new ContentIngest(
        () -> loops.channel(address), clock, namespace, ref.isEmpty() ? unique : ref, unique);
  }
}
