package settlement;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/**
 * A database call inside a Streams task. exactly_once_v2 covers what is forwarded, the stores and the offsets; the
 * connection is no part of it, so the database commits record by record, before the task does.
 */
abstract class Settle implements FixedKeyProcessor<String, byte[], String> {
  static final JsonMapper JSON = JsonMapper.builder().build();

  private FixedKeyProcessorContext<String, String> context;
  private Connection db;

  @Override
  public void init(FixedKeyProcessorContext<String, String> context) {
    this.context = context;
    try {
      db =
          DriverManager.getConnection(
              System.getenv("DATABASE_URL"), System.getenv("DATABASE_USER"), System.getenv("DATABASE_PASSWORD"));
      db.setAutoCommit(false);
    } catch (SQLException refused) {
      throw new IllegalStateException(refused);
    }
  }

  @Override
  public void process(FixedKeyRecord<String, byte[]> record) {
    try {
      var settled = settle(db, JSON.readValue(record.value(), PaymentAuthorized.class));
      db.commit();
      context.forward(record.withValue(settled));
    } catch (Exception failed) { // ends the task, and with it the client: see Main
      throw new IllegalStateException(failed);
    }
  }

  @Override
  public void close() {
    try {
      db.close();
    } catch (SQLException gone) {
      throw new IllegalStateException(gone);
    }
  }

  /** Does the work in the open database transaction; returns the PaymentSettled to forward, as JSON. */
  abstract String settle(Connection db, PaymentAuthorized payment) throws Exception;

  /** Charges the account and writes the settlement; doing it twice takes the money twice. */
  static String charge(Connection db, PaymentAuthorized payment) throws Exception {
    try (var account =
            db.prepareStatement(
                """
                insert into account values (?, -?) on conflict (account_id)
                do update set balance = account.balance + excluded.balance returning balance
                """);
        var settlement =
            db.prepareStatement(
                "insert into settlement (event_id, payment_id, account_id, amount) values (?, ?, ?, ?)")) {
      account.setString(1, payment.accountId());
      account.setBigDecimal(2, payment.amount());
      try (var rows = account.executeQuery()) {
        rows.next();
        settlement.setString(1, payment.eventId());
        settlement.setString(2, payment.paymentId());
        settlement.setString(3, payment.accountId());
        settlement.setBigDecimal(4, payment.amount());
        settlement.executeUpdate();
        return JSON.writeValueAsString(
            new PaymentSettled(
                payment.eventId(), payment.paymentId(), payment.accountId(), payment.amount(), rows.getBigDecimal(1)));
      }
    }
  }

  /** How it is usually written: a redelivered payment is settled again. */
  static final class Unprotected extends Settle {
    @Override
    String settle(Connection db, PaymentAuthorized payment) throws Exception {
      var settled = charge(db, payment);
      try (var insert = db.prepareStatement("insert into processed_event (event_id) values (?)")) {
        insert.setString(1, payment.eventId());
        insert.executeUpdate();
      }
      return settled;
    }
  }

  /**
   * A dedupe row commits with the effect and holds the output, which answers a redelivery. A zombie task that works on the
   * same payment loses on the primary key.
   */
  static final class Recorded extends Settle {
    @Override
    String settle(Connection db, PaymentAuthorized payment) throws Exception {
      try (var select = db.prepareStatement("select settled from processed_event where event_id = ?")) {
        select.setString(1, payment.eventId());
        try (var rows = select.executeQuery()) {
          if (rows.next()) {
            return rows.getString(1);
          }
        }
      }
      var settled = charge(db, payment);
      try (var insert = db.prepareStatement("insert into processed_event (event_id, settled) values (?, ?)")) {
        insert.setString(1, payment.eventId());
        insert.setString(2, settled);
        insert.executeUpdate();
      }
      return settled;
    }
  }
}
