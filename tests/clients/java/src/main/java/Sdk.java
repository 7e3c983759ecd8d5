import static com.workos.common.http.RetryConfig.DISABLED;

import com.workos.WorkOS;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The official SDK for the JVM, unchanged but for its base URL, and what the operator does because no SDK can. */
final class Sdk {
  private static final String URL = required("VESTIBULE_URL").replaceAll("/$", "");

  private Sdk() {}

  static String required(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalStateException("set " + name);
    }
    return value;
  }

  /** A client that never repeats a failed request. */
  static WorkOS client(String apiKey) {
    return WorkOS.builder()
        .apiKey(apiKey)
        .clientId(required("VESTIBULE_CLIENT_ID"))
        .apiBaseUrl(URL)
        .retryConfig(DISABLED)
        .build();
  }

  /** A client with the key of the environment. */
  static WorkOS client() {
    return client(required("VESTIBULE_API_KEY"));
  }

  /** What the server answers to a request that no method of the SDK makes. */
  static String get(String path) {
    return send("GET", path, required("VESTIBULE_API_KEY"), null);
  }

  /** A new feature flag in the environment of this application. */
  static void newFlag(String slug) {
    operator("POST", environment() + "/feature_flags", "{\"slug\":\"" + slug + "\",\"name\":\"" + slug + "\"}");
  }

  /** A new type of resources, which lie below those of its parent. */
  static void newResourceType(String slug, String parent) {
    String body = "{\"slug\":\"" + slug + "\",\"name\":\"" + slug + "\",\"parents\":[\"" + parent + "\"]}";
    operator("POST", environment() + "/resource_types", body);
  }

  /** Deletes roles of the environment and types of resources, which the API does not let an application do. */
  static void forget(List<String> roles, List<String> types) {
    roles.forEach(slug -> operator("DELETE", environment() + "/roles/" + slug, null));
    types.forEach(slug -> operator("DELETE", environment() + "/resource_types/" + slug, null));
  }

  /** Where the operator finds the environment of this application. */
  private static String environment() {
    String environments = operator("GET", "/admin/v1/environments?limit=100", null);
    String client = Pattern.quote(required("VESTIBULE_CLIENT_ID"));
    Matcher mine =
        Pattern.compile("\"id\":\"(environment_[^\"]+)\"[^{}]*\"client_id\":\"" + client + "\"").matcher(environments);
    Story.holds(mine.find(), "the environment is not listed");
    return "/admin/v1/environments/" + mine.group(1);
  }

  private static String operator(String method, String path, String body) {
    return send(method, path, required("VESTIBULE_ADMIN_TOKEN"), body);
  }

  private static String send(String method, String path, String key, String body) {
    var content = body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body);
    HttpRequest request = HttpRequest.newBuilder(URI.create(URL + path))
        .header("Authorization", "Bearer " + key)
        .method(method, content)
        .build();
    try {
      HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
      Story.equal(answer.statusCode() / 100, 2);
      return answer.body();
    } catch (IOException | InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }
}
