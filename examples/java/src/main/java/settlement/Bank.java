package settlement;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.sql.Connection;
import java.sql.SQLException;

/** Settles a payment inside the connection's open transaction, and says which PaymentSettled to produce, as JSON. */
abstract class Bank {
  static final JsonMapper JSON = JsonMapper.builder().build();

  abstract String settle(Connection db, PaymentAuthorized payment) throws SQLException, JsonProcessingException;

  /** Charges the account and writes the settlement; doing it twice takes the money twice. */
  static String charge(Connection db, PaymentAuthorized payment) throws SQLException, JsonProcessingException {
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
  static final class Unprotected extends Bank {
    @Override
    String settle(Connection db, PaymentAuthorized payment) throws SQLException, JsonProcessingException {
      var settled = charge(db, payment);
      try (var insert = db.prepareStatement("insert into processed_event (event_id) values (?)")) {
        insert.setString(1, payment.eventId());
        insert.executeUpdate();
      }
      return settled;
    }
  }

  /**
   * A dedupe row commits with the effect and holds the output: a redelivered payment takes no money, and its
   * PaymentSettled is the recorded one. A zombie that works on the same payment loses on the primary key.
   */
  static final class Recorded extends Bank {
    @Override
    String settle(Connection db, PaymentAuthorized payment) throws SQLException, JsonProcessingException {
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
