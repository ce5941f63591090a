package io.gatun.server;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.Mount;
import io.gatun.snapshot.SnapshotException;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBuilder;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** Passes on given bytes as a layer, and fails at the end on request. */
public final class StandInBuilder implements LayerBuilder {

  public static final Digest DIFF_ID = new Digest("sha256:" + "d1ff".repeat(16));

  /** The arguments of a call. */
  public record Request(List<Mount> left, List<Mount> right, LayerFormat format) {}

  public final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
  public volatile String name = "other/12/snapshot";
  public volatile byte[] blob = new byte[0];
  public volatile @Nullable RuntimeException failure;

  @Override
  public String name(List<Mount> mounts) {
    if (mounts.isEmpty()) {
      throw new SnapshotException.Unsupported("diff: these are no mounts of a snapshot of gatun");
    }
    return name;
  }

  @Override
  public PackedLayer make(
      List<Mount> left,
      List<Mount> right,
      LayerFormat format,
      BlobSink sink,
      Cancellation cancellation) {
    requests.add(new Request(left, right, format));
    byte[] bytes = blob;
    try (var _ = cancellation.onCancel(sink::abandon)) {
      for (int at = 0; at < bytes.length; at += 1 << 20) {
        sink.write(ByteBuffer.wrap(bytes, at, Math.min(1 << 20, bytes.length - at)));
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    RuntimeException planned = failure;
    if (planned != null) {
      throw planned;
    }
    var sha256 = Digest.sha256();
    sha256.update(bytes);
    return new PackedLayer(DIFF_ID, Digest.of(sha256), bytes.length, 1, 0);
  }
}
