package dev.firesteel.spark;

import com.esotericsoftware.kryo.Kryo;
import dev.firesteel.train.RankPhase;
import org.apache.spark.serializer.KryoRegistrator;

/**
 * Every class of ours that travels between Spark's processes. Spark refuses to ship any other
 * ({@code spark.kryo.registrationRequired}), so that nothing large or unforeseen travels unseen.
 *
 * <p>A class that ships is a plain one with fields: Spark's Kryo 4 takes neither records nor {@code
 * List.of}.
 */
public final class FiresteelRegistrator implements KryoRegistrator {
  @Override
  public void registerClasses(Kryo kryo) {
    kryo.register(Object[].class);
    kryo.register(MachineReport.class);
    kryo.register(MachineReport.Finding.class);
    kryo.register(MachineReport.Finding[].class);
    kryo.register(PrepareDocument.class);
    kryo.register(PrepareTally.class);
    kryo.register(PrepareTokens.class);
    kryo.register(Heartbeat.class);
    kryo.register(RankPhase.class);
    kryo.register(byte[].class);
    kryo.register(TrainAssignment.class);
    kryo.register(TrainReport.class);
    kryo.register(TrainReport[].class);
  }
}
