package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import io.gatun.snapshot.state.ApplyTarget;
import java.io.IOException;
import java.util.Optional;

/** Stores layers in one form: {@link DirectoryBackend}, {@link IndexedBackend}. */
public sealed interface LayerBackend permits DirectoryBackend, IndexedBackend {

  /**
   * {@return whether a snapshot can get its layer in this form without a write to its existing
   * directory}
   *
   * <p>Only a snapshot that was prepared for unpacking a layer can. The client of another one may
   * already use the mounts that Prepare returned, and such a layer is not visible through them.
   */
  boolean accepts(ApplyTarget target) throws ErrnoException;

  /**
   * Stores a layer, so that the snapshot has it as soon as it is recorded. The files are as durable
   * as {@code layer_sync} and the request ask.
   *
   * @param prefetched the layer, if it was prefetched
   */
  Unpacked apply(
      ApplyTarget target,
      LayerBlob blob,
      Optional<Prefetched> prefetched,
      Cancellation cancellation)
      throws IOException;

  /** {@return whether the layer of a blob is in the store, so that a prefetch is not needed} */
  boolean isPresent(Digest blob);

  /**
   * Reads a layer before it is requested.
   *
   * @return the layer; nothing if it has to be read on request
   */
  Optional<? extends Prefetched> prefetch(LayerBlob blob, Cancellation cancellation)
      throws IOException;

  /** Runs the steps of {@link #apply} that take no room on the disk. */
  void warmUp(LayerBlob blob) throws IOException;
}
