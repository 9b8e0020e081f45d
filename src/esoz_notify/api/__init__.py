"""Answers programs over HTTP: routes, access, problem documents and the published contract. Business rules are not here."""
