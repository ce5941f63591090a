package io.gatun.server.content;

import com.google.protobuf.Timestamp;
import io.gatun.proto.content.Info;
import io.gatun.snapshot.Digest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * The order of an image's layers, from the labels that containerd puts on manifests to keep the
 * layers from its garbage collection ("Garbage Collection" in its documentation). A label is a
 * hint.
 */
final class LayerOrder {

  /** Followed by the index of a layer, from 0. */
  static final String LABEL = "containerd.io/gc.ref.content.l.";

  /**
   * Selects all manifests with layers: a layer does not name its manifests, but each of these has
   * this label.
   */
  private static final String MANIFESTS = "labels.\"%s0\"".formatted(LABEL);

  private static final Comparator<Info> LATEST_FIRST =
      Comparator.comparing(LayerOrder::updated).reversed();

  /**
   * A position among the layers of an image.
   *
   * @param layers the digests of the layers' blobs, in order
   */
  private record Place(String namespace, List<String> layers, int index) {

    static final Place NONE = new Place("", List.of(), -1);

    Place next() {
      return new Place(namespace, layers, index + 1);
    }

    boolean isOf(String where, Digest layer) {
      return namespace.equals(where)
          && index < layers.size()
          && layers.get(index).equals(layer.text());
    }

    /** Empty also for an invalid digest, since any client may set labels. */
    Optional<Digest> layer() {
      if (index == layers.size()) {
        return Optional.empty();
      }
      try {
        return Optional.of(new Digest(layers.get(index)));
      } catch (IllegalArgumentException e) {
        return Optional.empty();
      }
    }
  }

  private final BiFunction<String, String, List<Info>> blobs;

  /**
   * The position after the last requested layer; a request for the layer after it needs no call.
   */
  private volatile Place expected = Place.NONE;

  /**
   * @param blobs lists a namespace's blobs that match a filter
   */
  LayerOrder(BiFunction<String, String, List<Info>> blobs) {
    this.blobs = blobs;
  }

  /** {@return the layer after another one; of several images, the most recent counts} */
  Optional<Digest> after(String namespace, Digest layer) {
    Place place = expected;
    if (!place.isOf(namespace, layer)) {
      place = find(namespace, layer).orElse(Place.NONE);
    }
    Place next = place.next();
    expected = next;
    return next.layer();
  }

  private static Instant updated(Info info) {
    Timestamp updated = info.getUpdatedAt();
    return Instant.ofEpochSecond(updated.getSeconds(), updated.getNanos());
  }

  private Optional<Place> find(String namespace, Digest layer) {
    return blobs.apply(namespace, MANIFESTS).stream()
        .sorted(LATEST_FIRST)
        .map(LayerOrder::layers)
        .filter(layers -> layers.contains(layer.text()))
        .map(layers -> new Place(namespace, layers, layers.indexOf(layer.text())))
        .findFirst();
  }

  private static List<String> layers(Info manifest) {
    List<String> layers = new ArrayList<>();
    while (true) {
      String layer = manifest.getLabelsOrDefault(LABEL + layers.size(), "");
      if (layer.isEmpty()) {
        return layers;
      }
      layers.add(layer);
    }
  }
}
