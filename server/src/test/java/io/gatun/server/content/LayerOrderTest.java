package io.gatun.server.content;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import io.gatun.proto.content.Info;
import io.gatun.snapshot.Digest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class LayerOrderTest {

  private static final String NAMESPACE = "n";
  private static final Digest A = digest('a');
  private static final Digest B = digest('b');
  private static final Digest C = digest('c');
  private static final Digest D = digest('d');

  private final List<Info> manifests = new ArrayList<>();
  private final List<String> questions = new ArrayList<>();
  private final LayerOrder images =
      new LayerOrder(
          (namespace, filter) -> {
            questions.add(namespace + " " + filter);
            return namespace.equals(NAMESPACE) ? manifests : List.of();
          });

  private static Digest digest(char digit) {
    return new Digest("sha256:" + String.valueOf(digit).repeat(64));
  }

  private void image(long updated, String... layers) {
    Info.Builder manifest =
        Info.newBuilder().setUpdatedAt(Timestamp.newBuilder().setSeconds(updated));
    for (int i = 0; i < layers.length; i++) {
      manifest.putLabels(LayerOrder.LABEL + i, layers[i]);
    }
    manifest.putLabels("containerd.io/gc.ref.content.config", digest('e').text());
    manifests.add(manifest.build());
  }

  @Test
  void layersComeInTheOrderOfTheirNumbersOfWhichTheLastHasNoneAfterIt() {
    String[] layers = new String[12];
    for (int i = 0; i < layers.length; i++) {
      layers[i] = digest(Integer.toHexString(i).charAt(0)).text();
    }
    image(1, layers);
    for (int i = 0; i + 1 < layers.length; i++) {
      assertThat(images.after(NAMESPACE, new Digest(layers[i])))
          .contains(new Digest(layers[i + 1]));
    }
    assertThat(images.after(NAMESPACE, new Digest(layers[layers.length - 1]))).isEmpty();
  }

  @Test
  void containerdIsAskedOncePerImage() {
    image(1, A.text(), B.text(), C.text());
    assertThat(images.after(NAMESPACE, A)).contains(B);
    assertThat(images.after(NAMESPACE, B)).contains(C);
    assertThat(images.after(NAMESPACE, C)).isEmpty();
    assertThat(questions).containsExactly("n labels.\"containerd.io/gc.ref.content.l.0\"");
  }

  @Test
  void anImageThatComesLaterIsNoticedWhenItIsBegun() {
    image(1, A.text(), B.text(), C.text());
    assertThat(images.after(NAMESPACE, A)).contains(B);
    image(2, A.text(), D.text());
    assertThat(images.after(NAMESPACE, A)).contains(D);
    assertThat(images.after(NAMESPACE, D)).isEmpty();
    assertThat(images.after(NAMESPACE, B)).contains(C);
  }

  @Test
  void aLayerMayBeThereTwice() {
    image(1, A.text(), B.text(), A.text(), C.text());
    assertThat(images.after(NAMESPACE, A)).contains(B);
    assertThat(images.after(NAMESPACE, B)).contains(A);
    assertThat(images.after(NAMESPACE, A)).contains(C);
    assertThat(images.after(NAMESPACE, C)).isEmpty();
  }

  @Test
  void ofSeveralImagesTheOneCountsThatCameLast() {
    image(2, A.text(), B.text());
    image(3, A.text(), C.text());
    image(1, A.text(), D.text());
    image(4, B.text(), D.text());
    assertThat(images.after(NAMESPACE, A)).contains(C);
  }

  @Test
  void namespacesStayApart() {
    image(1, A.text(), B.text());
    assertThat(images.after(NAMESPACE, A)).contains(B);
    assertThat(images.after("another", A)).isEmpty();
    assertThat(images.after(NAMESPACE, A)).contains(B);
  }

  @Test
  void whatNobodyLabelsIsNotKnown() {
    assertThat(images.after(NAMESPACE, A)).isEmpty();
    image(1, A.text(), "sha512:" + "0".repeat(128), B.text());
    assertThat(images.after(NAMESPACE, A)).isEmpty();
    assertThat(images.after(NAMESPACE, D)).isEmpty();
  }
}
