-- A role for those who answer patients' calls: they find and look, and run nothing.
ALTER TABLE person DROP CONSTRAINT person_role_check;
ALTER TABLE person ADD CONSTRAINT person_role_check CHECK (role IN ('doctor', 'operator', 'auditor', 'support'));
