package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;

/**
 * Has layers mounted, and is told when another tar takes the place of a layer's: nobody can tell of
 * a mount which one it is over. Must not wait for anybody who waits for the store.
 */
public interface TarReplacementListener {

  /** Nobody has any mounted. */
  TarReplacementListener NONE =
      new TarReplacementListener() {
        @Override
        public void beforeReplace(Digest diffId) {}

        @Override
        public void afterReplace(Digest diffId) {}
      };

  /** Unmounts a layer whose tar is about to be replaced, be it that it has vanished. */
  void beforeReplace(Digest diffId);

  /**
   * Mounts it again where it has to be, and unmounts what somebody has mounted meanwhile; called
   * after each {@link #beforeReplace}, also if the tar could not be replaced.
   */
  void afterReplace(Digest diffId);
}
