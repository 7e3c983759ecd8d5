import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Runs an ordered list of steps and says for each whether it held. A step that fails does not end the story: what depends
 * on it fails by itself, what does not is still shown. {@code ../run} counts the lines.
 */
final class Story {
  /** A step: what it throws is how it failed. */
  interface Step {
    void run() throws Exception;
  }

  private final String name;
  private final Map<String, Step> steps = new LinkedHashMap<>();

  Story(String name) {
    this.name = name;
  }

  /** Adds a step under a sentence, which is what the report prints. */
  void step(String sentence, Step step) {
    if (steps.put(sentence, step) != null) {
      throw new IllegalStateException("two steps are called: " + sentence);
    }
  }

  /** Runs all steps; the number of those that failed. */
  int run() {
    List<String> failed = new ArrayList<>();
    steps.forEach((sentence, step) -> {
      try {
        step.run();
        System.out.println("ok   " + name + ": " + sentence);
      } catch (Exception | AssertionError error) {
        failed.add(sentence);
        System.out.println("FAIL " + name + ": " + sentence + ": " + error);
        for (int i = 0; i < Math.min(8, error.getStackTrace().length); i++) {
          System.out.println("     " + error.getStackTrace()[i]);
        }
      }
    });
    return failed.size();
  }

  /** Fails with both values. */
  static void equal(Object got, Object want) {
    if (!Objects.equals(got, want)) {
      throw new AssertionError("got " + got + ", want " + want);
    }
  }

  /** Fails with a sentence when the condition is false. */
  static void holds(boolean condition, String otherwise) {
    if (!condition) {
      throw new AssertionError(otherwise);
    }
  }

  /** The error that the step throws: exactly of this class, because the class is what an application catches. */
  static <E extends Exception> E raises(Class<E> kind, Step step) {
    try {
      step.run();
    } catch (Exception error) {
      equal(error.getClass(), kind);
      return kind.cast(error);
    }
    throw new AssertionError("wanted " + kind.getSimpleName() + ", got an answer");
  }

  /** What is found, looked for again until there is something. */
  static <T> T eventually(Supplier<T> look) throws InterruptedException {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (true) {
      T found = look.get();
      if (found != null) {
        return found;
      }
      holds(System.nanoTime() < deadline, "not seen within 30 s");
      Thread.sleep(50);
    }
  }
}
