//! `PUT /api/resources`: resource servers write what they protect.
