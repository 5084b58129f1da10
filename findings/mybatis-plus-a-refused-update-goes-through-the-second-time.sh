#!/usr/bin/env bash
# MyBatis-Plus 3.5.16 (Java) with MyBatis 3.5.19 and H2 2.3.232, seen 2026-11-29.
#
# An entity with @Version and the OptimisticLockerInnerInterceptor. updateById of an entity that has
# been read before somebody else changed the row finds no row and returns 0. But the entity's version
# has been counted up all the same, to the one that the row has now: updateById of the same object,
# once more, returns 1 and overwrites what the other one wrote. Where the row is two versions ahead it
# is the third try. deleteById does not look at the version: it deletes the changed row and returns 1.
#
# Guess that it breaks: 0 is the answer by which one learns of a conflict, and whoever retries on it, as
# the annotations for retries do, calls the same method with the same argument. That a
# successful update leaves the new version in the object is documented; here nothing was updated.
#
# Seen (what somebody else has done, what was done with the entity read before; rows changed, the
# version in the object; what is left):
#   nothing; updateById:              1, version 2; balance 70
#   update; updateById:               0, version 2; balance 110
#   update; updateById twice:         0 1, version 3; balance 70
#   two updates; updateById three times: 0 0 1, version 4; balance 70
#   update; deleteById:               1, version 1; no row
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
  <artifactId>stale</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.baomidou</groupId>
      <artifactId>mybatis-plus-extension</artifactId>
      <version>3.5.16</version>
    </dependency>
    <dependency>
      <groupId>com.h2database</groupId>
      <artifactId>h2</artifactId>
      <version>2.3.232</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Stale.java <<'JAVA'
import com.baomidou.mybatisplus.annotation.TableId;
import com.baomidou.mybatisplus.annotation.TableName;
import com.baomidou.mybatisplus.annotation.Version;
import com.baomidou.mybatisplus.core.MybatisConfiguration;
import com.baomidou.mybatisplus.core.MybatisSqlSessionFactoryBuilder;
import com.baomidou.mybatisplus.core.mapper.BaseMapper;
import com.baomidou.mybatisplus.core.toolkit.GlobalConfigUtils;
import com.baomidou.mybatisplus.extension.plugins.MybatisPlusInterceptor;
import com.baomidou.mybatisplus.extension.plugins.inner.OptimisticLockerInnerInterceptor;
import java.sql.Connection;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.ibatis.mapping.Environment;
import org.apache.ibatis.session.SqlSession;
import org.apache.ibatis.session.SqlSessionFactory;
import org.apache.ibatis.transaction.jdbc.JdbcTransactionFactory;
import org.h2.jdbcx.JdbcDataSource;

public class Stale {
    @TableName("account")
    public static class Account {
        @TableId private Integer id;
        private Integer balance;
        @Version private Integer version;

        public Integer getId() { return id; }
        public void setId(Integer id) { this.id = id; }
        public Integer getBalance() { return balance; }
        public void setBalance(Integer balance) { this.balance = balance; }
        public Integer getVersion() { return version; }
        public void setVersion(Integer version) { this.version = version; }
    }

    public interface Accounts extends BaseMapper<Account> {}

    record Case(String name, int others, int tries, boolean delete, String want) {}

    static SqlSessionFactory sessions;

    /** Each call has a session and a transaction of its own. */
    static <T> T call(Function<Accounts, T> what) {
        try (SqlSession s = sessions.openSession(true)) {
            return what.apply(s.getMapper(Accounts.class));
        }
    }

    static int save(Account a, int balance) {
        a.setBalance(balance);
        return call(m -> m.updateById(a));
    }

    static String tried(int id, Case k) {
        Account fresh = new Account();
        fresh.setId(id);
        fresh.setBalance(100);
        fresh.setVersion(1);
        call(m -> m.insert(fresh));
        Account mine = call(m -> m.selectById(id));
        for (int i = 0; i < k.others(); i++) {
            if (save(call(m -> m.selectById(id)), 110) != 1) throw new IllegalStateException("somebody else's update");
        }
        String rows = k.delete() ? "" + call(m -> m.deleteById(mine))
            : IntStream.range(0, k.tries()).mapToObj(i -> "" + save(mine, 70)).collect(Collectors.joining(" "));
        Account left = call(m -> m.selectById(id));
        return rows + ", version " + mine.getVersion() + "; " + (left == null ? "no row" : "balance " + left.getBalance());
    }

    public static void main(String[] args) throws Exception {
        JdbcDataSource h2 = new JdbcDataSource();
        h2.setURL("jdbc:h2:mem:stale;DB_CLOSE_DELAY=-1");
        h2.setUser("sa");
        try (Connection c = h2.getConnection()) {
            c.createStatement().execute("create table account (id int primary key, balance int, version int)");
        }
        MybatisConfiguration config = new MybatisConfiguration(new Environment("stale", new JdbcTransactionFactory(), h2));
        GlobalConfigUtils.setGlobalConfig(config, GlobalConfigUtils.defaults().setBanner(false));
        MybatisPlusInterceptor plugins = new MybatisPlusInterceptor();
        plugins.addInnerInterceptor(new OptimisticLockerInnerInterceptor());
        config.addInterceptor(plugins);
        config.addMapper(Accounts.class);
        sessions = new MybatisSqlSessionFactoryBuilder().build(config);

        boolean as = true;
        int id = 0;
        for (Case k : List.of(
            new Case("nothing; updateById", 0, 1, false, "1, version 2; balance 70"),
            new Case("update; updateById", 1, 1, false, "0, version 2; balance 110"),
            new Case("update; updateById twice", 1, 2, false, "0 1, version 3; balance 70"),
            new Case("two updates; updateById three times", 2, 3, false, "0 0 1, version 4; balance 70"),
            new Case("update; deleteById", 1, 1, true, "1, version 1; no row"))) {
            String got = tried(++id, k);
            System.out.println(k.name() + ": " + got);
            as &= got.equals(k.want());
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Stale.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Stale 2>java.log || { tail -20 java.log; exit 1; }
