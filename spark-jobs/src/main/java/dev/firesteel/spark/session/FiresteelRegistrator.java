package dev.firesteel.spark.session;

import com.esotericsoftware.kryo.Kryo;
import dev.firesteel.spark.prepare.Document;
import dev.firesteel.spark.prepare.ExampleTally;
import dev.firesteel.spark.prepare.PreparedRecord;
import dev.firesteel.spark.prepare.Tally;
import dev.firesteel.spark.prepare.TokenizedDocument;
import dev.firesteel.spark.rpc.Heartbeat;
import dev.firesteel.spark.rpc.SweepReport;
import dev.firesteel.spark.rpc.TrainAssignment;
import dev.firesteel.spark.rpc.TrainReport;
import dev.firesteel.train.RankPhase;
import java.util.TreeMap;
import org.apache.spark.serializer.KryoRegistrator;

/**
 * All of our classes that are sent between Spark's processes. Spark refuses to ship any other
 * ({@code spark.kryo.registrationRequired}), so that nothing large or unexpected is sent unnoticed.
 *
 * <p>A class that ships must be a plain one with fields: Spark's Kryo 4 supports neither records
 * nor {@code List.of}.
 */
public final class FiresteelRegistrator implements KryoRegistrator {
  @Override
  public void registerClasses(Kryo kryo) {
    kryo.register(Object[].class);
    kryo.register(MachineReport.class);
    kryo.register(MachineReport.Finding.class);
    kryo.register(MachineReport.Finding[].class);
    kryo.register(Document.class);
    kryo.register(Tally.class);
    kryo.register(PreparedRecord.class);
    kryo.register(ExampleTally.class);
    kryo.register(TreeMap.class);
    kryo.register(TokenizedDocument.class);
    kryo.register(Heartbeat.class);
    kryo.register(RankPhase.class);
    kryo.register(byte[].class);
    kryo.register(TrainAssignment.class);
    kryo.register(TrainAssignment[].class);
    kryo.register(TrainReport.class);
    kryo.register(TrainReport[].class);
    kryo.register(SweepReport.class);
    kryo.register(SweepReport[].class);
  }
}
