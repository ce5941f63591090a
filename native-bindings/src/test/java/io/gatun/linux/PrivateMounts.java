package io.gatun.linux;

import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Sched;
import java.lang.reflect.Method;
import java.util.Set;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Runs each test in a thread with its own mount namespace. All mounts of a test end with its
 * thread, even if it fails, and stay invisible to other processes. Programs started by a test run
 * in the namespace too.
 *
 * <p>The thread's mounts are in /proc/thread-self: /proc/self shows those of the process.
 */
public final class PrivateMounts implements InvocationInterceptor {

  @Override
  public void interceptTestMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runApart(test);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> test, ReflectiveInvocationContext<Method> method, ExtensionContext context)
      throws Throwable {
    runApart(test);
  }

  private static void runApart(Invocation<Void> test) throws Throwable {
    Throwable[] failure = new Throwable[1];
    Thread thread =
        new Thread(
            () -> {
              try {
                Sched.unshareMounts();
                Mounts.mount(
                    LinuxPath.EMPTY,
                    LinuxPath.of("/"),
                    "",
                    Set.of(MountFlag.PRIVATE, MountFlag.RECURSIVE),
                    "");
                test.proceed();
              } catch (Throwable e) {
                failure[0] = e;
              }
            },
            "private mounts");
    thread.start();
    thread.join();
    if (failure[0] != null) {
      throw failure[0];
    }
  }
}
