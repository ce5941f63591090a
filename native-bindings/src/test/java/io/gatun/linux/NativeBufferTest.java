package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class NativeBufferTest {

  @Test
  void otherThreadsMayUseIt() throws InterruptedException {
    try (NativeBuffer memory = new NativeBuffer(10)) {
      Thread other = new Thread(() -> memory.buffer().put(3, (byte) 7));
      other.start();
      other.join();
      assertThat(memory.buffer().isDirect()).isTrue();
      assertThat(memory.buffer().capacity()).isEqualTo(10);
      assertThat(memory.buffer().get(3)).isEqualTo((byte) 7);
      assertThat(memory.buffer().get(4)).isZero();
    }
  }

  @Test
  void whatIsGivenBackCannotBeUsed() {
    NativeBuffer memory = new NativeBuffer(10);
    ByteBuffer slice = memory.buffer().slice(2, 3);
    memory.close();
    assertThatThrownBy(() -> slice.get(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> memory.buffer().get(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(memory::close).isInstanceOf(IllegalStateException.class);
  }
}
