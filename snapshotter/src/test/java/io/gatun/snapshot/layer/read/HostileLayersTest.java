package io.gatun.snapshot.layer.read;

import io.gatun.snapshot.fixture.DaemonJvm;
import org.junit.jupiter.api.Test;

/** {@link HostileLayers} with no more memory than the daemon has. */
class HostileLayersTest {

  @Test
  void hostileLayersAreRefusedOrAppliedAsTheyAre() throws Exception {
    DaemonJvm.run(HostileLayers.class, HostileLayers.PROPERTIES);
  }
}
