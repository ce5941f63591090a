package io.gatun.snapshot.unpack;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.LayerBlob;
import java.io.IOException;
import java.util.Optional;

/** How layers get one form: {@link DirectoryBackend}, {@link IndexedBackend}. */
public sealed interface LayerBackend permits DirectoryBackend, IndexedBackend {

  /**
   * {@return whether a snapshot can get its layer in this form without a write to the directory
   * that it has}
   *
   * <p>Only one that was prepared for the unpacking of a layer can. The client of another one may
   * already use the mounts that Prepare has answered, through which such a layer does not show.
   */
  boolean accepts(ApplyTarget target) throws ErrnoException;

  /**
   * Brings a layer to where the snapshot has it as soon as that is recorded; as durable as {@code
   * layer_sync} and the request ask.
   *
   * @param prefetched the layer, if it was read before
   */
  Unpacked apply(
      ApplyTarget target,
      LayerBlob blob,
      Optional<Prefetched> prefetched,
      Cancellation cancellation)
      throws IOException;

  /** {@return whether a layer is there without being prefetched} */
  boolean isPresent(Digest blob);

  /**
   * Reads a layer that no request has asked for yet.
   *
   * @return the layer; nothing if it has to be read when it is asked for
   */
  Optional<? extends Prefetched> prefetch(LayerBlob blob, Cancellation cancellation)
      throws IOException;

  /** Reads a layer like {@link #apply}, as far as that takes no room on the disk. */
  void warmUp(LayerBlob blob) throws IOException;
}
