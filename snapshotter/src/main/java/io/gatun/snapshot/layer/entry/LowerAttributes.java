package io.gatun.snapshot.layer.entry;

import io.gatun.linux.LinuxPath;
import java.io.IOException;
import java.util.Optional;

/** The attributes that a layer inherits from lower layers. */
@FunctionalInterface
public interface LowerAttributes {

  /** For a layer without lower layers. */
  LowerAttributes NOTHING = _ -> Optional.empty();

  /**
   * {@return the attributes that an implicit directory inherits; empty if no lower layer has it}
   *
   * @param path from the root, without links
   */
  Optional<InheritedAttributes> of(LinuxPath path) throws IOException;
}
