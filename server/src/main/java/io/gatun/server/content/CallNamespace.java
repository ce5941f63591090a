package io.gatun.server.content;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The containerd namespace of a call, from a header of the call. The header may be missing:
 * Debian's containerd 1.7.24, unlike others, does not forward it to its plugins.
 *
 * <p>Blobs are visible only within their namespace, so Gatun forwards the namespace to containerd
 * unchanged.
 */
public final class CallNamespace implements ServerInterceptor {

  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER);

  private static final Context.Key<String> NAMESPACE = Context.key("containerd-namespace");

  /** The form of containerd's identifiers (its package identifiers). */
  private static final Pattern FORM = Pattern.compile("[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*");

  private static final int LENGTH_MAX = 76;

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    String namespace = headers.get(HEADER);
    Context context =
        namespace == null ? Context.current() : Context.current().withValue(NAMESPACE, namespace);
    return Contexts.interceptCall(context, call, headers, next);
  }

  /** {@return a client of containerd, or of this daemon, whose calls name a namespace} */
  public static <S extends AbstractStub<S>> S attach(String namespace, S client) {
    Metadata headers = new Metadata();
    headers.put(HEADER, namespace);
    return client.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** {@return the namespace header of the current call, not yet validated} */
  public static Optional<String> said() {
    return Optional.ofNullable(NAMESPACE.get());
  }

  /**
   * {@return the namespace in a key} containerd prefixes a snapshotter's keys with it, as in {@code
   * k8s.io/12/extract-123 sha256:...}.
   */
  public static Optional<String> inKey(String key) {
    int end = key.indexOf('/');
    return end < 0 ? Optional.empty() : Optional.of(key.substring(0, end));
  }

  /**
   * {@return the namespace of a call}
   *
   * @param said the result of {@link #said} for the call, or a namespace from elsewhere
   * @throws SnapshotException.InvalidArgument if the call has no namespace, or one that is not
   *     valid in containerd
   */
  public static String require(String operation, Optional<String> said) {
    String namespace =
        said.orElseThrow(
            () ->
                new SnapshotException.InvalidArgument(
                    "%s: the call has no header %s".formatted(operation, HEADER.name())));
    if (namespace.length() > LENGTH_MAX || !FORM.matcher(namespace).matches()) {
      throw new SnapshotException.InvalidArgument(
          "%s: \"%s\" is not a namespace".formatted(operation, namespace));
    }
    return namespace;
  }
}
