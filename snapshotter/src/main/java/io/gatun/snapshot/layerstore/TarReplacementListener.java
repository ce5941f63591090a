package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;

/**
 * Remounts layers whose tar is replaced, because a mount does not reveal which tar it uses.
 * Implementations must not wait for a thread that waits for the store.
 */
public interface TarReplacementListener {

  /** For stores without mounted layers. */
  TarReplacementListener NONE =
      new TarReplacementListener() {
        @Override
        public void beforeReplace(Digest diffId) {}

        @Override
        public void afterReplace(Digest diffId) {}
      };

  /** Unmounts a layer whose tar is about to be replaced; also called if that tar has vanished. */
  void beforeReplace(Digest diffId);

  /**
   * Mounts the layer again where it is needed, and unmounts mounts that were made meanwhile. Called
   * after each {@link #beforeReplace}, even if the replacement failed.
   */
  void afterReplace(Digest diffId);
}
