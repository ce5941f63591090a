package io.gatun.snapshot.layerstore;

import io.gatun.snapshot.Digest;

/**
 * Has layers mounted, and is told when another tar takes the place of a layer's: nobody can tell of
 * a mount which one it is over. Must not wait for anybody who waits for the store.
 */
public interface LayerDisplay {

  /** Nobody has any mounted. */
  LayerDisplay NONE =
      new LayerDisplay() {
        @Override
        public void hide(Digest diffId) {}

        @Override
        public void show(Digest diffId) {}
      };

  /** Unmounts a layer whose tar is about to be replaced, be it that it has vanished. */
  void hide(Digest diffId);

  /**
   * Mounts it again where it has to be, and unmounts what somebody has mounted meanwhile; called
   * after each {@link #hide}, also if the tar could not be replaced.
   */
  void show(Digest diffId);
}
