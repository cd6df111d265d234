package dev.firesteel.spark.transport;

import dev.firesteel.collective.NioListener;
import dev.firesteel.collective.TransportListener;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.net.InetAddress;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;

/**
 * Selects the transport for a run's ranks: plain sockets if Spark's own processes communicate in
 * the clear, else Spark's, as configured. Nothing is sent with less protection than Spark itself
 * would use.
 */
public final class CollectiveTransports {
  private static final String AUTHENTICATE = "spark.authenticate";
  private static final String CRYPTO = "spark.network.crypto.enabled";
  private static final String SASL_ENCRYPTION = "spark.authenticate.enableSaslEncryption";
  private static final String SSL_RPC = "spark.ssl.rpc.enabled";

  private CollectiveTransports() {}

  /** Whether Spark is configured to authenticate its processes or to encrypt between them. */
  static boolean secured(SparkConf conf) {
    return conf.getBoolean(AUTHENTICATE, false)
        || conf.getBoolean(CRYPTO, false)
        || conf.getBoolean(SASL_ENCRYPTION, false)
        || conf.getBoolean(SSL_RPC, false);
  }

  /**
   * Opens a port for the other ranks.
   *
   * @param conf the configuration of this Spark process
   * @param security its security manager: {@code SparkEnv.get().securityManager()}
   * @param bind the address of this machine at which the other ranks reach it
   * @throws UserException if Spark's security is misconfigured
   */
  public static TransportListener listen(SparkConf conf, SecurityManager security, InetAddress bind)
      throws IOException {
    if (!secured(conf)) {
      return NioListener.open(bind);
    }
    requireComplete(conf, security);
    return SparkTransportListener.open(conf, security, bind);
  }

  /**
   * Encryption by Spark's key exchange needs authentication; Spark itself does not always say so.
   */
  private static void requireComplete(SparkConf conf, SecurityManager security) {
    boolean encrypts = conf.getBoolean(CRYPTO, false) || conf.getBoolean(SASL_ENCRYPTION, false);
    if (encrypts && !security.isAuthenticationEnabled()) {
      throw UserException.usage(
          "%s needs %s=true, which is not set: set both, or use %s"
              .formatted(
                  conf.getBoolean(CRYPTO, false) ? CRYPTO : SASL_ENCRYPTION,
                  AUTHENTICATE,
                  SSL_RPC));
    }
    if (conf.getBoolean(SSL_RPC, false) && !security.getRpcSSLOptions().enabled()) {
      throw UserException.usage(
          "%s is set, but Spark finds no usable key for it: set spark.ssl.rpc.keyStore and its password"
              .formatted(SSL_RPC));
    }
  }
}
