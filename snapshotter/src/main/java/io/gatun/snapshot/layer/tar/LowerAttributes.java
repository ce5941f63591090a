package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.util.Optional;

/** The layers below, as far as a layer inherits from them. */
@FunctionalInterface
public interface LowerAttributes {

  /** For a layer that has none below. */
  LowerAttributes NOTHING = _ -> Optional.empty();

  /**
   * {@return what a directory has that the layer needs and does not name; nothing if there is none
   * below}
   *
   * @param path from the top, without links on the way
   */
  Optional<InheritedAttributes> of(LinuxPath path) throws IOException;
}
