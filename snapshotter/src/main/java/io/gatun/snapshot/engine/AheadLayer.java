package io.gatun.snapshot.engine;

import io.gatun.linux.LinuxPath;
import io.gatun.snapshot.apply.index.IndexForm;
import io.gatun.snapshot.apply.index.Inheritance;
import io.gatun.snapshot.apply.index.InheritedAttributes;
import io.gatun.snapshot.apply.index.LayerIndex;
import io.gatun.snapshot.apply.store.LayerStore;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * A layer that is in the store before it is known which layers are below it.
 *
 * @param use which keeps it there
 * @param index as if it inherited nothing from them
 * @param unnamed the directories that the layer needs and does not name, if they are few
 */
record AheadLayer(LayerStore.Use use, LayerIndex index, Optional<List<LinuxPath>> unnamed) {

  /** On which it is made. */
  static final IndexForm FORM = IndexForm.OVERLAY;

  /** What it is made with. */
  static final InheritedAttributes TOP = InheritedAttributes.ofTop();

  /** {@return whether its index is the one for a place in a chain} */
  boolean isFor(IndexForm form, InheritedAttributes top, Inheritance below) throws IOException {
    if (form != FORM || !top.equals(TOP) || unnamed.isEmpty()) {
      return false;
    }
    for (LinuxPath path : unnamed.get()) {
      if (below.of(path).isPresent()) {
        return false;
      }
    }
    return true;
  }
}
