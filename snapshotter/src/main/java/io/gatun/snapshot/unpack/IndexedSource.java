package io.gatun.snapshot.unpack;

import io.gatun.snapshot.LayerForm;
import io.gatun.snapshot.indexed.OverlayTemplate;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layerstore.LayerStore;
import java.io.IOException;
import java.util.Optional;

/**
 * Keeps a layer as a tar, or, where that cannot be done or is not wanted, puts its files into a
 * snapshot.
 */
public interface IndexedSource extends DirectorySource {

  /**
   * @param overlay another index, for a layer that may be put on others
   * @param ref to be closed when somebody is known to have the layer
   */
  record Stored(
      LayerForm.Indexed form, Optional<OverlayTemplate> overlay, LayerStore.LayerRef ref) {}

  /**
   * Keeps a layer. If that fails, nothing is left of it.
   *
   * @param target where its files would go
   * @param isDurable whether it has to be on the disk when this returns
   * @return the layer; nothing if it has to be {@link #write written}
   */
  Optional<Stored> store(LayerTarget target, boolean isDurable) throws IOException;
}
