package io.gatun.server.content;

import com.google.protobuf.ByteString;
import io.gatun.proto.content.ContentGrpc;
import io.gatun.proto.content.ReadContentRequest;
import io.gatun.proto.content.ReadContentResponse;
import io.gatun.server.net.EventLoops;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.LayerBlob;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.OptionalLong;

/**
 * A blob that containerd sends in one stream. Flow control limits how far it may be ahead of the
 * reader, to {@link EventLoops#CHANNEL_WINDOW_BYTES}.
 */
final class RemoteBlob implements LayerBlob {

  private final ManagedChannel channel;
  private final Iterator<ReadContentResponse> pieces;
  private final Digest digest;
  private final long sizeBytes;

  private ByteBuffer piece = ByteBuffer.allocate(0);
  private long received;

  /**
   * Begins to read a blob.
   *
   * @param channel used only for this blob, and shut down when it is closed
   */
  RemoteBlob(ManagedChannel channel, String namespace, Digest digest, long sizeBytes) {
    this.channel = channel;
    this.digest = digest;
    this.sizeBytes = sizeBytes;
    this.pieces =
        CallNamespace.attach(namespace, ContentGrpc.newBlockingStub(channel))
            .read(ReadContentRequest.newBuilder().setDigest(digest.text()).build());
  }

  @Override
  public Digest digest() {
    return digest;
  }

  @Override
  public OptionalLong sizeBytes() {
    return OptionalLong.of(sizeBytes);
  }

  @Override
  public boolean isVerified() {
    return false;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    while (!piece.hasRemaining()) {
      if (!isNextReceived()) {
        return -1;
      }
    }
    int length = Math.min(piece.remaining(), into.remaining());
    into.put(piece.slice(piece.position(), length));
    piece.position(piece.position() + length);
    return length;
  }

  private boolean isNextReceived() throws IOException {
    try {
      if (!pieces.hasNext()) {
        return false;
      }
      ReadContentResponse next = pieces.next();
      if (next.getOffset() != received) {
        throw new IOException(
            "layer %s: containerd sent the blob from offset %d instead of offset %d"
                .formatted(digest, next.getOffset(), received));
      }
      ByteString data = next.getData();
      received += data.size();
      piece = data.asReadOnlyByteBuffer();
      return true;
    } catch (StatusRuntimeException e) {
      throw new IOException(
          "layer %s: containerd stopped sending the blob at offset %d of %d: %s"
              .formatted(digest, received, sizeBytes, e.getMessage()),
          e);
    }
  }

  /** Ends the call, upon which reads fail. */
  @Override
  public void abandon() {
    channel.shutdownNow();
  }

  @Override
  public void close() {
    abandon();
  }
}
