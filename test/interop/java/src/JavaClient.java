// The Java client against a broker: JavaClient BOOTSTRAP TAG [--consumer-protocol] [--control].
//
// Prints a line for each check and "passed N" last; exit code 1 where one failed. With --control the one check is a wrong one.

import java.util.List;
import java.util.Map;

public final class JavaClient {
  public static void main(String[] arguments) throws Exception {
    List<String> flags = List.of(arguments);
    Harness harness = new Harness(arguments[0], arguments[1]);
    if (flags.contains("--control")) {
      String topic = harness.makeTopic("control", 1, Map.of());
      harness.equal("control: a record that nobody sent", 1, harness.readAll(topic).size());
    } else {
      new Administration(harness).run();
      new Records(harness).run();
      new Groups(harness).run(flags.contains("--consumer-protocol"));
    }
    System.out.println("passed " + harness.passed());
    System.exit(harness.failed() == 0 ? 0 : 1);
  }
}
