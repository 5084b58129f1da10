#!/usr/bin/env bash
# Quartz 2.5.2 (Java), RAMJobStore and JobStoreTX on H2 2.5.252, seen 2026-11-30.
#
# A job is at work. An operator gives it another address by addJob(job, replace); the call returns, and getJobDetail
# shows the new one. When the work is over the old address is back, and the next run gets that, for good. With the jobs
# in memory it is so for each job whose class is @PersistJobDataAfterExecution, though it has not touched its data; in
# the database for one that has put anything, say a count, for which the whole map is stored as the run had it. Without
# the annotation the new data stay.
#
# Guess that it breaks: of the annotation it is said that it makes Quartz store the job's data again when the job has ended, and that
# two runs at once would spoil them, for which @DisallowConcurrentExecution is. With both of them set one thinks that no
# write gets lost; and where the job's own change of one key meets the operator's of another, both are thought to stay,
# or the later one. What a job without a put has to store is nothing, as the database's store sees it.
#
# Seen (the address that addJob has set to "new" during a run: shown at once, given to the next run; both annotations):
#   in memory, the job only reads:                      new, then old
#   in memory, the job puts a count:                    new, then old
#   in memory, no @PersistJobDataAfterExecution:        new, then new
#   in the database, the job only reads:                new, then new
#   in the database, the job puts a count:              new, then old
#   in the database, no @PersistJobDataAfterExecution:  new, then new
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
  <artifactId>replaced</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.quartz-scheduler</groupId>
      <artifactId>quartz</artifactId>
      <version>2.5.2</version>
    </dependency>
    <dependency>
      <groupId>com.h2database</groupId>
      <artifactId>h2</artifactId>
      <version>2.5.252</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Replaced.java <<'JAVA'
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.quartz.DisallowConcurrentExecution;
import org.quartz.Job;
import org.quartz.JobBuilder;
import org.quartz.JobDetail;
import org.quartz.JobExecutionContext;
import org.quartz.JobExecutionException;
import org.quartz.JobKey;
import org.quartz.PersistJobDataAfterExecution;
import org.quartz.Scheduler;
import org.quartz.impl.StdSchedulerFactory;
import org.quartz.utils.ConnectionProvider;

public class Replaced {
    static final JobKey KEY = JobKey.jobKey("fetch");
    /** The address that each run was given, as it starts. */
    static final BlockingQueue<String> started = new LinkedBlockingQueue<>();
    /** One permit lets one run end. */
    static final Semaphore end = new Semaphore(0);
    static boolean same = true;

    static void work(JobExecutionContext run) throws JobExecutionException {
        started.add(run.getJobDetail().getJobDataMap().getString("address"));
        try {
            end.acquire();
        } catch (InterruptedException e) {
            throw new JobExecutionException(e);
        }
    }

    @PersistJobDataAfterExecution
    @DisallowConcurrentExecution
    public static class Reads implements Job {
        public void execute(JobExecutionContext run) throws JobExecutionException {
            work(run);
        }
    }

    @PersistJobDataAfterExecution
    @DisallowConcurrentExecution
    public static class Puts implements Job {
        public void execute(JobExecutionContext run) throws JobExecutionException {
            run.getJobDetail().getJobDataMap().put("count", 1);
            work(run);
        }
    }

    @DisallowConcurrentExecution
    public static class Plain implements Job {
        public void execute(JobExecutionContext run) throws JobExecutionException {
            work(run);
        }
    }

    /** The connections of a scheduler whose jobs are in the database. */
    public static class Database implements ConnectionProvider {
        static String url;

        public Connection getConnection() throws SQLException {
            return DriverManager.getConnection(url);
        }

        public void initialize() {
        }

        public void shutdown() {
        }
    }

    static void create(String url) throws Exception {
        try (Connection c = DriverManager.getConnection(url); var statement = c.createStatement();
             var file = Replaced.class.getResourceAsStream("/org/quartz/impl/jdbcjobstore/tables_h2.sql")) {
            for (String one : new String(file.readAllBytes()).split(";")) {
                if (!one.isBlank()) statement.execute(one);
            }
        }
        Database.url = url;
    }

    static JobDetail job(Class<? extends Job> type, String address) {
        return JobBuilder.newJob(type).withIdentity(KEY).storeDurably().usingJobData("address", address).build();
    }

    static String next() throws InterruptedException {
        String address = started.poll(60, TimeUnit.SECONDS);
        if (address == null) throw new IllegalStateException("no run has started");
        return address;
    }

    static void row(String name, boolean database, Class<? extends Job> type, String want) throws Exception {
        Properties p = new Properties();
        p.put("org.quartz.scheduler.instanceName", name);
        p.put("org.quartz.threadPool.class", "org.quartz.simpl.SimpleThreadPool");
        p.put("org.quartz.threadPool.threadCount", "2");
        if (database) {
            create("jdbc:h2:mem:" + type.getSimpleName() + ";DB_CLOSE_DELAY=-1");
            p.put("org.quartz.jobStore.class", "org.quartz.impl.jdbcjobstore.JobStoreTX");
            p.put("org.quartz.jobStore.driverDelegateClass", "org.quartz.impl.jdbcjobstore.StdJDBCDelegate");
            p.put("org.quartz.jobStore.dataSource", "jobs");
            p.put("org.quartz.dataSource.jobs.connectionProvider.class", Database.class.getName());
        }
        Scheduler scheduler = new StdSchedulerFactory(p).getScheduler();
        scheduler.start();
        scheduler.addJob(job(type, "old"), true);
        scheduler.triggerJob(KEY);
        if (!next().equals("old")) throw new IllegalStateException("the first run has not the first address");
        scheduler.addJob(job(type, "new"), true);
        String got = scheduler.getJobDetail(KEY).getJobDataMap().getString("address");
        // The next run starts when the first has ended and is stored, since no two may run at once.
        scheduler.triggerJob(KEY);
        end.release();
        got += ", then " + next();
        end.release();
        scheduler.shutdown(true);
        System.out.println(name + ": " + got);
        same &= got.equals(want);
    }

    public static void main(String[] args) throws Exception {
        row("in memory, the job only reads", false, Reads.class, "new, then old");
        row("in memory, the job puts a count", false, Puts.class, "new, then old");
        row("in memory, no @PersistJobDataAfterExecution", false, Plain.class, "new, then new");
        row("in the database, the job only reads", true, Reads.class, "new, then new");
        row("in the database, the job puts a count", true, Puts.class, "new, then old");
        row("in the database, no @PersistJobDataAfterExecution", true, Plain.class, "new, then new");
        if (!same) System.out.println("changed or broken");
        System.exit(same ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Replaced.java 2>javac.log || { cat javac.log; exit 1; }
timeout 120 java -cp 'classes:lib/*' Replaced 2>java.log || { tail -20 java.log; exit 1; }
