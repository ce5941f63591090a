package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.snapshot.driver.Chain;
import io.gatun.snapshot.driver.Driver;

/** Sees to it that the files of a layer are on disk before anybody is told that they are there. */
final class LayerDurability {

  private final LayerSync when;
  private final Driver driver;
  private final SharedSync filesystem;

  LayerDurability(LayerSync when, Driver driver, SharedSync filesystem) {
    this.when = when;
    this.driver = driver;
    this.filesystem = filesystem;
  }

  /** Returns when the files of a snapshot are as durable as the configuration asks. */
  void await(Chain chain) throws ErrnoException {
    switch (when) {
      case COMMIT -> {
        if (!driver.isEmpty(chain)) {
          filesystem.await();
        }
      }
      case NONE -> {}
    }
  }
}
