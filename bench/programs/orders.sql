-- Fills an in-memory database, changes it and asks it questions.
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INT, cents INT, note TEXT);

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customers
SELECT i, 'customer ' || i, 'city ' || (i * 7919 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
INSERT INTO orders
SELECT i, 1 + i * 48271 % 20000, i * 69621 % 100000,
       substr('a note about this order, long or short', 1, i % 37) || i
FROM n;
COMMIT;

CREATE INDEX by_customer ON orders(customer, cents);
CREATE INDEX by_note ON orders(note);
UPDATE orders SET note = note || ' (paid)' WHERE cents % 3 = 0;
DELETE FROM orders WHERE id % 5 = 0;

SELECT city, count(*), sum(cents), group_concat(substr(note, 1, 4), '')
FROM orders JOIN customers ON customers.id = customer
GROUP BY city ORDER BY 3 DESC LIMIT 1;
SELECT count(*) FROM (SELECT DISTINCT note FROM orders ORDER BY note DESC);
SELECT 'orders', count(*) FROM orders;
