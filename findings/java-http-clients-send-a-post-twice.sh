#!/usr/bin/env bash
# OkHttp 5.5.1 and java.net.HttpURLConnection (Java 17), beside java.net.http.HttpClient and Apache HttpClient
# 5.5; seen 2026-11-29.
#
# A server takes a POST, does it, and closes the connection before it answers, as one does that is
# restarted or killed behind a load balancer. HttpURLConnection sends the POST again, once, also on a connection
# that it has just opened, and returns the second answer: done twice, "ok", no error. OkHttp does so where
# the connection had served a request before, up to twice more; on a new one it throws. The JDK's newer client
# and Apache's send a POST once and throw. With retryOnConnectionFailure(false), and
# with the property sun.net.http.retryPost=false, it is sent once.
#
# Guess that it breaks: RFC 9110, 9.2.2, says that a client should not repeat a non-idempotent method by
# itself unless it knows that the first was not applied. OkHttp's page says that it recovers from "stale
# pooled connections" and how to turn that off "when doing so is destructive"; whoever reads that thinks of
# a connection that was closed before the request was sent. HttpURLConnection's class
# comment does not speak of a second sending.
#
# Seen (times that the server did the request and what the caller was told; the connection is lost once, or
# always; "kept" is a connection that has served a GET, "new" one that was opened for the request):
#   HttpURLConnection: kept: 2, ok; new: 2, ok; always: 2, IOException
#   OkHttp:            kept: 2, ok; new: 1, IOException; always: 3, IOException
#   the same with the switch that turns it off, HttpClient, Apache: kept: 1, IOException; new: 1, IOException; always: 1, IOException
#
# Needs Java 17 or later and mvn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId>
  <artifactId>post</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.squareup.okhttp3</groupId>
      <artifactId>okhttp-jvm</artifactId>
      <version>5.5.1</version>
    </dependency>
    <dependency>
      <groupId>org.apache.httpcomponents.client5</groupId>
      <artifactId>httpclient5</artifactId>
      <version>5.5</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Post.java <<'JAVA'
import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.atomic.AtomicInteger;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.io.HttpClientResponseHandler;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.http.io.entity.StringEntity;

public class Post {
    /** A server that does every POST, and closes the connection in place of the first answers to one. */
    static class Server implements AutoCloseable {
        final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        final AtomicInteger done = new AtomicInteger();
        final AtomicInteger toLose;

        Server(int toLose) throws IOException {
            this.toLose = new AtomicInteger(toLose);
            daemon(() -> {
                while (true) {
                    Socket s = socket.accept();
                    daemon(() -> serve(s));
                }
            });
        }

        interface Work { void run() throws IOException; }

        static void daemon(Work work) {
            Thread t = new Thread(() -> {
                try {
                    work.run();
                } catch (IOException e) {
                    // The connection, or the server, was closed.
                }
            });
            t.setDaemon(true);
            t.start();
        }

        void serve(Socket s) throws IOException {
            try (s) {
                var in = new BufferedInputStream(s.getInputStream());
                while (true) {
                    StringBuilder head = new StringBuilder();
                    while (head.indexOf("\r\n\r\n") < 0) {
                        int c = in.read();
                        if (c < 0) return;
                        head.append((char) c);
                    }
                    for (String line : head.toString().split("\r\n")) {
                        if (line.toLowerCase().startsWith("content-length:")) {
                            in.readNBytes(Integer.parseInt(line.substring(15).trim()));
                        }
                    }
                    if (head.indexOf("POST") == 0) {
                        done.incrementAndGet();
                        if (toLose.getAndDecrement() > 0) return;
                    }
                    s.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".getBytes());
                }
            }
        }

        public void close() throws IOException {
            socket.close();
        }
    }

    interface Client { String post(String url, boolean kept) throws Exception; }

    static String urlConnection(String url, boolean kept) throws IOException {
        if (kept) new String(URI.create(url).toURL().openStream().readAllBytes());
        var c = (HttpURLConnection) URI.create(url).toURL().openConnection();
        c.setRequestMethod("POST");
        c.setDoOutput(true);
        c.getOutputStream().write('1');
        return new String(c.getInputStream().readAllBytes());
    }

    static String okHttp(OkHttpClient c, String url, boolean kept) throws IOException {
        if (kept) c.newCall(new Request.Builder().url(url).build()).execute().body().string();
        var post = new Request.Builder().url(url).post(RequestBody.create("1".getBytes())).build();
        return c.newCall(post).execute().body().string();
    }

    static String httpClient(String url, boolean kept) throws Exception {
        var c = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        if (kept) c.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString());
        var post = HttpRequest.newBuilder(URI.create(url)).POST(HttpRequest.BodyPublishers.ofString("1")).build();
        return c.send(post, BodyHandlers.ofString()).body();
    }

    static String apache(String url, boolean kept) throws IOException {
        HttpClientResponseHandler<String> body = r -> EntityUtils.toString(r.getEntity());
        try (var c = HttpClients.createDefault()) {
            if (kept) c.execute(new HttpGet(url), body);
            var post = new HttpPost(url);
            post.setEntity(new StringEntity("1"));
            return c.execute(post, body);
        }
    }

    static String run(Client client, int toLose, boolean kept) throws Exception {
        try (Server s = new Server(toLose)) {
            String said;
            try {
                said = client.post("http://127.0.0.1:" + s.socket.getLocalPort() + "/", kept);
            } catch (IOException e) {
                said = "IOException";
            }
            return s.done.get() + ", " + said;
        }
    }

    static boolean show(String name, String want, Client client) throws Exception {
        String got = "kept: " + run(client, 1, true) + "; new: " + run(client, 1, false)
            + "; always: " + run(client, 100, true);
        System.out.println(name + ": " + got);
        return got.equals(want);
    }

    public static void main(String[] args) throws Exception {
        String once = "kept: 1, IOException; new: 1, IOException; always: 1, IOException";
        boolean as;
        if (args.length > 0) {
            as = show("HttpURLConnection, retryPost=false", once, Post::urlConnection);
        } else {
            as = show("HttpURLConnection", "kept: 2, ok; new: 2, ok; always: 2, IOException", Post::urlConnection);
            as &= show("OkHttp", "kept: 2, ok; new: 1, IOException; always: 3, IOException",
                (url, kept) -> okHttp(new OkHttpClient(), url, kept));
            as &= show("OkHttp, retryOnConnectionFailure(false)", once,
                (url, kept) -> okHttp(new OkHttpClient.Builder().retryOnConnectionFailure(false).build(), url, kept));
            as &= show("HttpClient", once, Post::httpClient);
            as &= show("Apache", once, Post::apache);
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Post.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Post
java -Dsun.net.http.retryPost=false -cp 'classes:lib/*' Post once
