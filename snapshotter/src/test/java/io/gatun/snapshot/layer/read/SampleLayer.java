package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.fixture.TarBuilder;
import java.util.Random;

/** Tars with some of everything. */
final class SampleLayer {

  private SampleLayer() {}

  /** A layer of at least that many bytes. */
  static byte[] tar(int leastBytes, long seed) {
    Random random = new Random(seed);
    TarBuilder tar = TarBuilder.pax().directory("usr/", 0755);
    int bytes = 0;
    for (int i = 0; bytes < leastBytes; i++) {
      byte[] content = new byte[random.nextInt(i % 10 == 0 ? leastBytes / 3 + 1 : 5000)];
      for (int at = 0; at < content.length; at++) {
        content[at] = (byte) ('a' + random.nextInt(9));
      }
      tar.owner(i, i).file("usr/" + i, 0644, content);
      tar.symbolicLink("usr/link" + i, Integer.toString(i));
      if (i % 40 == 39) {
        tar.hardLink("usr/again" + i, 0644, "usr/" + i);
      }
      bytes += content.length + 3 * TarBuilder.BLOCK;
    }
    return tar.whiteout("usr/gone").opaque("usr/opaque").finish();
  }
}
